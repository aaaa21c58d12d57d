import type { ReactNode } from 'react'
import { useHolds, useWork } from '../../agentParts/reads.ts'
import type { AgentDetail, AgentWork } from '../../agentParts/reads.ts'
import type { Hold, Run } from '../../api/types.ts'
import { useCompanyPath } from '../../frame/company.tsx'
import { Skeleton } from '../../parts/Empty.tsx'
import { Elapsed, Time } from '../../parts/Time.tsx'
import { Link } from '../../router/Link.tsx'
import { IssueLink, RunLink } from '../runs/links.tsx'
import { RunState } from '../runs/RunState.tsx'
import { triggerOf } from '../runs/words.ts'

/** The work of an agent now, and what waits for it. */
export function WorkSections({ agent }: { readonly agent: AgentDetail }): ReactNode {
  const work = useWork(agent.companyId, agent.id)
  return (
    <>
      <section>
        <h2>Does now</h2>
        {work.isKnown ? <Running work={work} /> : <Skeleton lines={1} />}
      </section>
      <section>
        <h2>Waits to start</h2>
        {work.isKnown ? <Queue agent={agent} work={work} /> : <Skeleton lines={1} />}
      </section>
    </>
  )
}

function Running({ work: { running, holds } }: { readonly work: AgentWork }): ReactNode {
  if (running.length === 0) return <p className="soft">Nothing: no run of the agent is at work.</p>
  return (
    <ul className="agent-lines">
      {running.map((run) => (
        <li key={run.id}>
          <RunLine run={run} held={holds.filter(({ holder }) => holder?.runId === run.id)} />
        </li>
      ))}
    </ul>
  )
}

function RunLine({ run, held }: { readonly run: Run; readonly held: readonly Hold[] }): ReactNode {
  const pathOf = useCompanyPath()
  return (
    <>
      <RunState run={run} />
      <span className="agent-line-main">
        {held.map(({ issueId, identifier, title }) => (
          <Link key={issueId} to={pathOf(`issues/${identifier}`)}>
            <span className="mono">{identifier}</span> {title}
          </Link>
        ))}
        {held.length === 0 &&
          (run.issueId === null ? <span className="soft">no issue in particular</span> : <IssueLink issueId={run.issueId} />)}
      </span>
      <span className="soft">
        <Elapsed from={run.startedAt} /> · heartbeat <Time at={run.lastSeenAt} /> · lease ends <Time at={run.leaseExpiresAt} /> · run{' '}
        <RunLink runId={run.id} />
      </span>
    </>
  )
}

/** Why a queued run does not start. */
function waitsFor(agent: AgentDetail): string | null {
  if (agent.status === 'paused') return 'They start after the agent is resumed.'
  if (agent.status === 'error') return 'They start when the configuration of the agent is changed.'
  if (agent.status === 'running') return 'They start when the runs before them have ended.'
  return null
}

function Queue({ agent, work: { queued, hasMore } }: { readonly agent: AgentDetail; readonly work: AgentWork }): ReactNode {
  const pathOf = useCompanyPath()
  const waiting = useHolds(agent.companyId).filter(
    ({ assigneeAgentId, waitingWakes, holder }) => assigneeAgentId === agent.id && waitingWakes > 0 && holder?.agentId !== agent.id,
  )
  if (queued.length + waiting.length === 0) return <p className="soft">Nothing waits.</p>
  const why = queued.length === 0 ? null : waitsFor(agent)
  return (
    <>
      {why !== null && <p className="soft">{why}</p>}
      <ol className="agent-lines">
        {queued.toReversed().map((run) => (
          <li key={run.id}>
            <span className="status quiet">queued</span>
            <span className="agent-line-main">
              {run.issueId === null ? <span className="soft">no issue in particular</span> : <IssueLink issueId={run.issueId} />}
            </span>
            <span className="soft">
              {triggerOf(run)} · since <Elapsed from={run.createdAt} /> · run <RunLink runId={run.id} />
            </span>
          </li>
        ))}
        {waiting.map(({ issueId, identifier, title, holder }) => (
          <li key={issueId}>
            <span className="status warn">behind a hold</span>
            <span className="agent-line-main">
              <Link to={pathOf(`issues/${identifier}`)}>
                <span className="mono">{identifier}</span> {title}
              </Link>
            </span>
            <span className="soft">held by {holder?.agentName ?? 'a run that is gone'}</span>
          </li>
        ))}
      </ol>
      {hasMore && <p className="soft">More than these wait.</p>}
    </>
  )
}
