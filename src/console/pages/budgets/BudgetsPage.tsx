import { useState } from 'react'
import type { ReactNode } from 'react'
import { inBackground } from '../../api/background.ts'
import type { BudgetOverview } from '../../api/types.ts'
import { useBudgets } from '../../budgetParts/reads.ts'
import { useCompany } from '../../frame/company.tsx'
import { Empty, Skeleton } from '../../parts/Empty.tsx'
import { useKeys } from '../../keys/keys.ts'
import { Page } from '../../parts/Page.tsx'
import { Problem } from '../../parts/Problem.tsx'
import type { BudgetAct } from './budgetAct.ts'
import { Incidents } from './Incidents.tsx'
import { OffDialog } from './OffDialog.tsx'
import { PolicyDialog } from './PolicyDialog.tsx'
import { PolicyTable } from './PolicyTable.tsx'

/** The limits of what the company, its agents and its projects may spend, and the incidents that crossed them. */
export default function BudgetsPage(): ReactNode {
  const read = useBudgets(useCompany().id)
  const [act, setAct] = useState<BudgetAct | null>(null)
  const overview = read.data?.data
  const onClose = (): void => setAct(null)
  useKeys('Budgets', [{ keys: 'n', label: 'Set a budget', run: () => setAct({ kind: 'set' }) }])
  return (
    <Page
      title="Budgets"
      actions={
        <button type="button" title="Set a budget (n)" onClick={() => setAct({ kind: 'set' })}>
          Set a budget
        </button>
      }
    >
      {read.error !== null && <Problem problem={read.error} retry={() => inBackground(read.refetch())} />}
      {overview === undefined ? read.error === null && <Skeleton lines={8} /> : <Content overview={overview} onAct={setAct} />}
      {act?.kind === 'off' && <OffDialog policy={act.policy} onClose={onClose} />}
      {(act?.kind === 'set' || act?.kind === 'change') && (
        <PolicyDialog policy={act.kind === 'change' ? act.policy : null} policies={overview?.policies ?? []} onClose={onClose} />
      )}
    </Page>
  )
}

interface ContentProps {
  readonly overview: BudgetOverview
  readonly onAct: (act: BudgetAct) => void
}

function Content({ overview: { policies, activeIncidents }, onAct }: ContentProps): ReactNode {
  return (
    <>
      <Incidents incidents={activeIncidents} policies={policies} onChange={(policy) => onAct({ kind: 'change', policy })} />
      {policies.length === 0 ? (
        <Empty title="There is no budget yet: agents may spend without a limit.">
          <p>
            A budget limits what the company, one agent or one project spends in a month, or in all. It warns first. At its limit, it stops
            the runs that spend, and starts no other until you answer.
          </p>
        </Empty>
      ) : (
        <section aria-labelledby="policies">
          <div className="section-head">
            <h2 id="policies">Budgets</h2>
            <p className="soft budgets-note">Months begin and end in UTC.</p>
          </div>
          <PolicyTable policies={policies} onAct={onAct} />
        </section>
      )}
    </>
  )
}
