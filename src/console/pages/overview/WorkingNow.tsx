import type { ReactNode } from 'react'
import { useRead } from '../../api/reads.ts'
import type { Activity, Hold, Issue, Run } from '../../api/types.ts'
import { useCompany, useCompanyPath } from '../../frame/company.tsx'
import { counted } from '../../parts/counted.ts'
import { Status } from '../../parts/Status.tsx'
import { duration } from '../../parts/time.ts'
import { Elapsed, useNow } from '../../parts/Time.tsx'
import { Link } from '../../router/Link.tsx'
import type { Overview } from './data.ts'
import { lastWords } from './lastWords.ts'

/** Runs that are shown; the page of runs has all. */
const SHOWN = 12

/** The runs that are alive: who works on what, for how long, its last words, and how long its lease still lasts. */
export function WorkingNow({ overview }: { readonly overview: Overview }): ReactNode {
  const pathOf = useCompanyPath()
  const { liveRuns, liveHolds, sources, dashboard } = overview
  // A run whose lease ran out has its hold still, until a server or a person ends it.
  const holds = [...liveHolds, ...sources.deadHolds]
  const running = liveRuns.filter(({ status }) => status === 'running')
  const queued = liveRuns.filter(({ status }) => status === 'queued')
  const rowOf = (run: Run): ReactNode => (
    <WorkingRow
      key={run.id}
      run={run}
      hold={holds.find(({ holder }) => holder?.runId === run.id)}
      agentName={sources.agents.find(({ id }) => id === run.agentId)?.name ?? 'An agent'}
    />
  )
  return (
    <section className="column working" aria-labelledby="working">
      <h2 id="working">
        Working now <span className="tally">{running.length}</span>
      </h2>
      {running.length === 0 ? (
        <p className="calm soft">
          No agent works at this moment.{' '}
          {dashboard !== null && dashboard.tasks.open > 0 && `${counted(dashboard.tasks.open, 'issue is', 'issues are')} open.`}
        </p>
      ) : (
        <ul>{running.slice(0, SHOWN).map(rowOf)}</ul>
      )}
      {queued.length > 0 && (
        <>
          <h3>
            Waiting for their turn <span className="tally">{queued.length}</span>
          </h3>
          <ul>{queued.slice(0, SHOWN).map(rowOf)}</ul>
        </>
      )}
      {(running.length > SHOWN || queued.length > SHOWN) && (
        <p>
          <Link to={pathOf('runs')}>See all runs</Link>
        </p>
      )}
    </section>
  )
}

interface WorkingRowProps {
  readonly run: Run
  readonly hold: Hold | undefined
  readonly agentName: string
}

function WorkingRow({ run, hold, agentName }: WorkingRowProps): ReactNode {
  const pathOf = useCompanyPath()
  return (
    <li>
      <div className="need-head">
        <strong>
          <Link to={pathOf(`agents/${run.agentId}`)}>{agentName}</Link>
        </strong>
        <span className="soft">
          <Link to={pathOf(`runs/${run.id}`)}>
            {run.status === 'queued' ? 'queued' : <Elapsed from={run.startedAt ?? run.createdAt} />}
            <span className="hidden">
              , run {run.id.slice(0, 8)} of {agentName}
            </span>
          </Link>
        </span>
      </div>
      {hold !== undefined ? (
        <Link className="need-title" to={pathOf(`issues/${hold.identifier}`)}>
          {hold.identifier} {hold.title}
        </Link>
      ) : run.issueId !== null ? (
        <IssueOfRun issueId={run.issueId} />
      ) : (
        <p className="soft">{run.status === 'queued' ? 'It is about no issue.' : 'It holds no issue.'}</p>
      )}
      <LastWords runId={run.id} />
      {run.status === 'running' && <Lease run={run} />}
    </li>
  )
}

/** The issue of a run that does not hold it. */
function IssueOfRun({ issueId }: { readonly issueId: string }): ReactNode {
  const { id } = useCompany()
  const pathOf = useCompanyPath()
  const issue = useRead<Issue>(['issue', id, issueId], `/issues/${issueId}`).data?.data
  return (
    <Link className="need-title" to={pathOf(`issues/${issueId}`)}>
      {issue === undefined ? 'Its issue' : `${issue.identifier} ${issue.title}`}
    </Link>
  )
}

/** The newest audit row of the run, in its own words where it wrote some. */
function LastWords({ runId }: { readonly runId: string }): ReactNode {
  const { id } = useCompany()
  const read = useRead<Activity[]>(['runActivity', id, runId], `/companies/${id}/activity`, { query: { runId, limit: 1 } })
  const row = read.data?.data[0]
  return row === undefined ? null : <p className="last-words soft">{lastWords(row)}</p>
}

/** How much of the lease is left, as a bar and in words. */
function Lease({ run }: { readonly run: Run }): ReactNode {
  const now = useNow()
  const left = Date.parse(run.leaseExpiresAt) - now
  const share = Math.max(0, Math.min(1, left / (run.leaseSeconds * 1000)))
  if (left <= 0)
    return (
      <p className="working-lease">
        <Status of="dead" words={`lease ran out ${duration(-left)} ago`} />
      </p>
    )
  return (
    <div className="working-lease">
      <div className="working-bar" aria-hidden="true">
        <div className={share < 0.2 ? 'low' : ''} style={{ width: `${share * 100}%` }} />
      </div>
      <span className="soft">lease {duration(left)}</span>
    </div>
  )
}
