import type { ReactNode } from 'react'
import type { HoldDetail } from '../../api/types.ts'
import { useCompanyPath } from '../../frame/company.tsx'
import { useNames } from '../../holding/names.ts'
import { Status } from '../../parts/Status.tsx'
import { Time } from '../../parts/Time.tsx'
import { Link } from '../../router/Link.tsx'
import { VisibleText } from '../../texts/VisibleText.tsx'
import type { RunIssue } from './data.ts'
import { isHeldBy } from './holds.ts'
import type { Eviction } from './holds.ts'

/** The holds that an operator took from the run, and the consequence for it. */
export function Evictions({ evictions, isLive }: { readonly evictions: readonly Eviction[]; readonly isLive: boolean }): ReactNode {
  const pathOf = useCompanyPath()
  const names = useNames()
  return evictions.map(({ hold, event, reason }) => (
    <div key={`${hold.issueId}${event.at}`} className="run-note warn" role="status">
      <p>
        <Status of="evicted" tone="warn" words="Evicted" /> from <Link to={pathOf(`issues/${hold.identifier}`)}>{hold.identifier}</Link> by{' '}
        {names.actor(event)} <Time at={event.at} />
        {reason !== null && (
          <>
            : <VisibleText text={reason} />
          </>
        )}
        . {isLive && 'The run goes on, but its next write to the issue is refused with 409, and it can never take the issue again.'}
      </p>
    </div>
  ))
}

function HoldOf({ issue, hold, runId, evictions }: HoldRow & Pick<RunHoldsProps, 'runId' | 'evictions'>): ReactNode {
  const pathOf = useCompanyPath()
  if (hold !== undefined && isHeldBy(hold, runId))
    return (
      <>
        <Status of="held" tone="busy" words="holds it" />{' '}
        {hold.heldSince !== null && (
          <span className="soft">
            taken <Time at={hold.heldSince} />, epoch {hold.lockEpoch}
            {hold.waitingWakes > 0 && `, ${hold.waitingWakes} ${hold.waitingWakes === 1 ? 'wake waits' : 'wakes wait'} behind it`}
          </span>
        )}{' '}
        <Link to={pathOf('locks')}>See the lock</Link>
      </>
    )
  if (evictions.some((eviction) => eviction.hold.issueId === issue.issueId)) return <Status of="evicted" tone="warn" words="evicted" />
  return <Status of="none" words="does not hold it" />
}

interface HoldRow {
  readonly issue: RunIssue
  readonly hold: HoldDetail | undefined
}

interface RunHoldsProps {
  readonly runId: string
  readonly issues: readonly RunIssue[]
  readonly holds: readonly HoldDetail[]
  readonly evictions: readonly Eviction[]
}

/** The issues of a run: those that it holds, those that it was opened for, and those that it has written to. */
export function RunHolds({ runId, issues, holds, evictions }: RunHoldsProps): ReactNode {
  const pathOf = useCompanyPath()
  return (
    <section aria-labelledby="issues">
      <h2 id="issues">Issues</h2>
      {issues.length === 0 ? (
        <p className="soft">The run holds no issue and has written to none.</p>
      ) : (
        <ul className="run-list">
          {issues.map((issue) => (
            <li key={issue.issueId}>
              <span>
                <Link to={pathOf(`issues/${issue.identifier}`)} className="issue-link">
                  <span className="mono">{issue.identifier}</span> {issue.title}
                </Link>{' '}
                <Status of={issue.status} />
              </span>
              <span>
                <HoldOf issue={issue} hold={holds.find((hold) => hold.issueId === issue.issueId)} runId={runId} evictions={evictions} />
              </span>
            </li>
          ))}
        </ul>
      )}
    </section>
  )
}
