import type { ReactNode } from 'react'
import type { ApprovalDetail } from '../../api/types.ts'
import { useCompanyPath } from '../../frame/company.tsx'
import { Fact, Facts } from '../../parts/Facts.tsx'
import { exactTime } from '../../parts/time.ts'
import { Time } from '../../parts/Time.tsx'
import { Link } from '../../router/Link.tsx'
import type { NameOf } from '../activity/sentences.ts'
import { amount } from './figures.ts'
import { isOpen, limitOf } from './words.ts'
import { WrittenField } from './written.tsx'

/** Fields that the card shows itself. The others follow it as they are. */
const shown: ReadonlySet<string> = new Set([
  'title',
  'policyId',
  'scopeType',
  'scopeId',
  'windowKind',
  'windowStart',
  'windowEnd',
  'amountLimit',
  'amountObserved',
  'budgetAmount',
  'proposedAmount',
])

interface BudgetCardProps {
  readonly approval: ApprovalDetail
  readonly nameOf: NameOf
}

/** A budget that is used up: of what, how much, and what is asked for. */
export function BudgetCard({ approval, nameOf }: BudgetCardProps): ReactNode {
  const { payload } = approval
  const pathOf = useCompanyPath()
  const { windowKind, windowEnd } = payload
  const rest = Object.entries(payload).filter(([name]) => !shown.has(name))
  return (
    <div className="stack">
      <section className="card" aria-label="The budget">
        <Facts>
          <Fact name="Of">
            <Scope payload={payload} nameOf={nameOf} />
          </Fact>
          <Amount name="Limit" cents={payload['amountLimit']} of={windowKind === 'lifetime' ? 'for a lifetime' : 'a month'} />
          <Amount name="Spent" cents={payload['amountObserved']} />
          <Amount name="Asked for" cents={payload['budgetAmount'] ?? payload['proposedAmount']} />
          {typeof windowEnd === 'string' && (
            <Fact name="Window turns">
              <Time at={windowEnd} /> <span className="soft">{exactTime(Date.parse(windowEnd))}</span>
            </Fact>
          )}
        </Facts>
        {limitOf(approval) !== null && isOpen(approval) && (
          <p>
            Its work is stopped. <Link to={pathOf('budgets')}>The page of budgets</Link> shows what that ended, and takes another amount.
          </p>
        )}
      </section>
      {rest.map(([name, value]) => (
        <WrittenField key={name} name={name} value={value} />
      ))}
    </div>
  )
}

function Scope({
  payload: { scopeType, scopeId },
  nameOf,
}: {
  readonly payload: ApprovalDetail['payload']
  readonly nameOf: NameOf
}): ReactNode {
  const pathOf = useCompanyPath()
  if (scopeType === 'company') return 'The company'
  if ((scopeType !== 'agent' && scopeType !== 'project') || typeof scopeId !== 'string')
    return [scopeType, scopeId].filter((part) => typeof part === 'string').join(' ')
  return <Link to={pathOf(`${scopeType}s/${scopeId}`)}>{nameOf({ kind: scopeType, id: scopeId }) ?? `${scopeType} ${scopeId}`}</Link>
}

interface AmountProps {
  readonly name: string
  readonly cents: unknown
  /** The words behind the amount. */
  readonly of?: string
}

const Amount = ({ name, cents, of = '' }: AmountProps): ReactNode =>
  typeof cents === 'number' ? (
    <Fact name={name}>
      {amount(cents)} <span className="soft">{of}</span>
    </Fact>
  ) : null
