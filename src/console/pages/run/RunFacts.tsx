import type { ReactNode } from 'react'
import type { Agent, Run } from '../../api/types.ts'
import { LeaseBar } from '../../holding/LeaseBar.tsx'
import { Time } from '../../parts/Time.tsx'
import { AgentLink, IssueLink, RunLink } from '../runs/links.tsx'
import { RunDuration, RunState } from '../runs/RunState.tsx'
import { bytesOf, costOf, isLive, triggerOf } from '../runs/words.ts'

const Fact = ({ name, children }: { readonly name: string; readonly children: ReactNode }): ReactNode => (
  <div>
    <dt>{name}</dt>
    <dd>{children}</dd>
  </div>
)

/** How the process of a run ended; null while it is not known. */
function exitOf({ exitCode, signal }: Run): string | null {
  if (signal !== null) return `signal ${signal}`
  return exitCode === null ? null : `code ${exitCode}`
}

/** The facts of a run, at a look. */
export function RunFacts({ run, agents }: { readonly run: Run; readonly agents: readonly Agent[] }): ReactNode {
  const exit = exitOf(run)
  const cost = costOf(run)
  const agentName = agents.find(({ id }) => id === run.agentId)?.name ?? ''
  return (
    <dl className="run-facts card">
      <Fact name="Status">
        <RunState run={run} />
      </Fact>
      <Fact name="Agent">
        <AgentLink agentId={run.agentId} agents={agents} />
      </Fact>
      <Fact name="Issue">
        <IssueLink issueId={run.issueId} />
      </Fact>
      <Fact name="Trigger">{triggerOf(run)}</Fact>
      <Fact name={run.startedAt === null ? 'Queued' : 'Started'}>
        <Time at={run.startedAt ?? run.createdAt} />
      </Fact>
      <Fact name="Duration">
        <RunDuration run={run} />
      </Fact>
      {run.finishedAt !== null && (
        <Fact name="Ended">
          <Time at={run.finishedAt} />
        </Fact>
      )}
      {run.status === 'running' && (
        <Fact name="Lease">
          <LeaseBar holder={{ ...run, runId: run.id, agentName, live: isLive(run) }} />
        </Fact>
      )}
      {isLive(run) && (
        <Fact name="Last heartbeat">
          <Time at={run.lastSeenAt} />
        </Fact>
      )}
      {exit !== null && <Fact name="Exit">{exit}</Fact>}
      {run.processPid !== null && isLive(run) && <Fact name="Process">{run.processPid}</Fact>}
      {run.logBytes !== null && <Fact name="Log">{bytesOf(run.logBytes)}</Fact>}
      {cost !== null && <Fact name="Cost">{cost}</Fact>}
      {run.retryOfRunId !== null && (
        <Fact name="Retry of">
          <RunLink runId={run.retryOfRunId} />
        </Fact>
      )}
    </dl>
  )
}
