import type { ReactNode } from 'react'
import type { BudgetPolicy } from '../../api/types.ts'
import { PolicyState } from '../../budgetParts/PolicyLine.tsx'
import { scopePage, scopeWords, windowWords } from '../../budgetParts/words.ts'
import { useCompanyPath } from '../../frame/company.tsx'
import { useListKeys } from '../../keys/useListKeys.ts'
import type { Column } from '../../parts/DataTable.tsx'
import { DataTable } from '../../parts/DataTable.tsx'
import { formatCents } from '../../parts/money.ts'
import { formatPercent } from '../../parts/time.ts'
import { Link } from '../../router/Link.tsx'
import type { BudgetAct } from './budgetAct.ts'

interface PolicyTableProps {
  readonly policies: readonly BudgetPolicy[]
  readonly onAct: (act: BudgetAct) => void
}

/** All budgets, with what is spent, reserved and left of each. */
export function PolicyTable({ policies, onAct }: PolicyTableProps): ReactNode {
  const { at } = useListKeys({
    title: 'Budgets',
    count: policies.length,
    rowKeys: policies.map(({ policyId }) => policyId),
    onOpen: (index) => {
      const policy = policies[index]
      if (policy !== undefined) onAct({ kind: 'change', policy })
    },
  })
  return (
    <div className="policies">
      <DataTable
        name="Budgets"
        rows={policies}
        columns={[...columns, { key: 'acts', title: 'Acts', cell: (policy) => <Acts policy={policy} onAct={onAct} />, width: '176px' }]}
        narrowWidth="560px"
        cursor={at}
        keyOf={({ policyId }) => policyId}
      />
    </div>
  )
}

const Scope = ({ policy }: { readonly policy: BudgetPolicy }): ReactNode => {
  const pathOf = useCompanyPath()
  const page = scopePage(policy)
  return (
    <>
      {page === null ? scopeWords(policy) : <Link to={pathOf(page)}>{scopeWords(policy)}</Link>}
      <span className="policy-amounts soft">
        {formatCents(policy.observedAmount)}
        {policy.isActive && ` of ${formatCents(policy.amount)}`}
      </span>
    </>
  )
}

const columns: readonly Column<BudgetPolicy>[] = [
  { key: 'scope', title: 'Of', cell: (policy) => <Scope policy={policy} /> },
  { key: 'window', title: 'Window', cell: ({ windowKind }) => windowWords(windowKind), width: '86px', isSecondary: true },
  {
    key: 'amount',
    title: 'Limit',
    cell: ({ amount, isActive }) => (isActive ? formatCents(amount) : <span className="soft">none</span>),
    isNumber: true,
    isSecondary: true,
    width: '102px',
  },
  {
    key: 'spent',
    title: 'Spent',
    cell: ({ observedAmount }) => formatCents(observedAmount),
    isNumber: true,
    isSecondary: true,
    width: '102px',
  },
  {
    key: 'reserved',
    title: 'Reserved',
    cell: ({ reservedAmount }) => formatCents(reservedAmount),
    isNumber: true,
    isSecondary: true,
    width: '92px',
  },
  {
    key: 'left',
    title: 'Left',
    cell: ({ remainingAmount, isActive }) => (isActive ? formatCents(remainingAmount) : ''),
    isNumber: true,
    isSecondary: true,
    width: '102px',
  },
  { key: 'used', title: 'Used', cell: (policy) => <PolicyState policy={policy} />, width: '232px' },
  { key: 'rule', title: 'Warns, then', cell: (policy) => <Rule policy={policy} />, isSecondary: true, width: '156px' },
]

const Rule = ({ policy: { warnPercent, hardStopEnabled, notifyEnabled } }: { readonly policy: BudgetPolicy }): ReactNode => (
  <>
    {notifyEnabled ? `at ${formatPercent(warnPercent)}` : <span className="soft">no warning</span>},{' '}
    {hardStopEnabled ? 'stops' : 'only warns'}
  </>
)

interface ActsProps {
  readonly policy: BudgetPolicy
  readonly onAct: (act: BudgetAct) => void
}

function Acts({ policy, onAct }: ActsProps): ReactNode {
  const of = (
    <span className="hidden">
      {' '}
      the budget of {scopeWords(policy)} for {windowWords(policy.windowKind)}
    </span>
  )
  return (
    <span className="policy-acts">
      <button type="button" className="secondary" onClick={() => onAct({ kind: 'change', policy })}>
        Change{of}
      </button>
      {policy.isActive && (
        <button type="button" className="secondary danger" onClick={() => onAct({ kind: 'off', policy })}>
          Turn off{of}
        </button>
      )}
    </span>
  )
}
