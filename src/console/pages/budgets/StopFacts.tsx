import type { ReactNode } from 'react'
import type { BudgetIncident } from '../../api/types.ts'
import { windowWords } from '../../budgetParts/words.ts'
import { useCompanyPath } from '../../frame/company.tsx'
import { Fact, Facts } from '../../parts/Facts.tsx'
import { formatCents } from '../../parts/money.ts'
import { exactTime, formatNumber } from '../../parts/time.ts'
import { Time } from '../../parts/Time.tsx'
import { Link } from '../../router/Link.tsx'
import { useStopped } from './data.ts'

interface StopFactsProps {
  readonly incident: BudgetIncident
  /** The amount that is spent by now. */
  readonly spentCents: number
}

/** The scope that is stopped, since when, the runs that ended, and the time when it ends by itself. */
export function StopFacts({ incident, spentCents }: StopFactsProps): ReactNode {
  const { amountLimit, windowKind, windowEnd, createdAt, enforcedAt, approvalId } = incident
  const pathOf = useCompanyPath()
  const ended = useStopped(incident)
  return (
    <Facts>
      <Fact name="Spent">
        {formatCents(spentCents)} of {formatCents(amountLimit)} <span className="soft">{windowWords(windowKind)}</span>
      </Fact>
      <Fact name="Since">
        <Time at={createdAt} />
      </Fact>
      <Fact name="Runs">
        {enforcedAt === null
          ? 'The stop is ordered, and runs are being ended'
          : ended === null
            ? 'No run starts'
            : `${formatNumber(ended)} ${ended === 1 ? 'run was' : 'runs were'} ended, and none starts`}
      </Fact>
      <Fact name="Window turns">
        {windowEnd === null ? (
          'Never: the budget is for a lifetime, so the stop ends only by a higher limit'
        ) : (
          <>
            <Time at={windowEnd} /> <span className="soft">{exactTime(Date.parse(windowEnd))}</span>
          </>
        )}
      </Fact>
      {approvalId !== null && (
        <Fact name="Approval">
          <Link to={pathOf(`approvals/${approvalId}`)}>The request to the board</Link>
        </Fact>
      )}
    </Facts>
  )
}
