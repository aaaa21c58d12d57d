import { sql } from 'drizzle-orm'
import { isInvokableSql } from '../../model/agentStatus.ts'
import { isClosedSql } from '../../model/issueStatus.ts'
import type { Tx } from '../../platform/db/types.ts'
import { agents } from '../../model/agents.ts'
import { companies } from '../../model/companies.ts'
import { evictions, issues } from '../../model/issues.ts'
import { runs } from '../../model/runs.ts'
import { isOpen, isDeferred, wakes } from '../../model/wakes.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import { queueRun } from '../runs/index.ts'
import { wakeRetried } from './events.ts'
import { MENTION_REASON } from './reasons.ts'

/**
 * How often a wake gets another run for one that was lost. Once: a server that is killed is the usual cause, and a run that is lost
 * twice may itself be the cause of the crashes. A server that is stopped in order costs the wake nothing.
 */
const MAX_RETRIES = 1
/**
 * A queued run waits a day for its start. Its wake waits longer: servers may be down over a holiday, or an agent may be
 * over its budget until a person raises it. After a week without a start the wake is out of date.
 */
const MAX_QUEUED_DAYS = 7

interface RetryableWake {
  id: string
  companyId: string
  agentId: string
  issueId: string | null
  source: string
  triggerDetail: string | null
  reason: string
  losses: number
  wasQueued: boolean
  runId: string
}

const mentionReason = sql.raw(`'${MENTION_REASON}'`)

// The conditions, in their order in the SQL:
// - A started run was supervised by a server, because an agent that lives elsewhere resumes its own work, and its wake has a
//   retry left. A run that was only queued belongs to a wake of the last week.
// - The issue is still the agent's and open: a started run held it in progress, or worked beside it in review or in the
//   backlog. A run that released, set aside or closed the issue is not repeated.
// - The run was not evicted from the issue.
// - No other wake of the agent for the issue waits, which would cover this one.
// - A wake that waited in the queue for a day yields to the wakes that wait behind it.
const retryableWakes = statement<{ runIds: string[]; isFree: boolean }, RetryableWake>('wake_lost').read(sql`
  select w.id, w.company_id as "companyId", w.agent_id as "agentId", w.issue_id as "issueId", w.source, w.trigger_detail as "triggerDetail",
    w.reason, w.losses, w.status = 'queued' as "wasQueued", r.id as "runId"
  from ${runs} r join ${wakes} w on w.id = r.wakeup_request_id and w.run_id = r.id and w.status in ('claimed', 'queued')
  join ${companies} c on c.id = w.company_id and c.status = 'active'
  join ${agents} a on a.id = w.agent_id and ${isInvokableSql('a')}
  left join ${issues} i on i.id = w.issue_id
  where r.id = any(${param('runIds', 'uuid[]')})
    and case w.status when 'claimed' then r.supervisor_id is not null and (${param('isFree', 'boolean')} or w.losses < ${sql.raw(String(MAX_RETRIES))})
      else w.created_at > now() - make_interval(days => ${sql.raw(String(MAX_QUEUED_DAYS))}) end
    and (w.issue_id is null or w.reason = ${mentionReason} or case w.status
      when 'claimed' then i.assignee_agent_id = w.agent_id and i.status in ('in_progress', 'in_review', 'backlog')
      else coalesce(i.assignee_agent_id = w.agent_id, i.assignee_user_id is null) and not ${isClosedSql('i')} end)
    and not exists (select 1 from ${evictions} e where e.run_id = r.id and e.issue_id = w.issue_id)
    and not exists (select 1 from ${wakes} o where o.agent_id = w.agent_id and o.issue_id = w.issue_id and o.id <> w.id and ${isOpen('o')}
      and (o.status = 'queued' or o.status = 'deferred_issue_execution' and w.reason <> ${mentionReason}))
    and (w.status = 'claimed' or not exists (
      select 1 from ${wakes} o where o.issue_id = w.issue_id and ${isDeferred('o')}))
  order by r.id`)

const requeue = statement<{ id: string; runId: string; losses: number }, { id: string }>('wake_requeue').write(sql`
  update ${wakes} set status = 'queued', run_id = ${param('runId')}, claimed_at = null, losses = ${param('losses', 'int')}, updated_at = now()
  where id = ${param('id')} and status in ('claimed', 'queued') returning id`)

/** A wake that gets another run. */
export interface RetriedWake {
  readonly issueId: string | null
  readonly event: DomainEvent
}

/**
 * (tx) Queues the wakes of lost runs again, each with a new run, where the wake is still valid. A run is lost with its
 * server, with the session that it was to resume, or because it was never started. Expects the runs to be ended and their
 * wakes not yet. The start of the new run checks its rules again.
 */
export async function retryWakes(tx: Tx, runIds: readonly string[], isFree: boolean): Promise<RetriedWake[]> {
  const retried: RetriedWake[] = []
  for (const wake of await tx.run(retryableWakes, { runIds: [...runIds], isFree })) {
    const { id, companyId, agentId, issueId, source: invocationSource, triggerDetail, reason, runId: retryOfRunId } = wake
    const retryCount = wake.wasQueued || isFree ? wake.losses : wake.losses + 1
    const subject = { companyId, agentId, issueId, wakeupRequestId: id, retryOfRunId, processLossRetryCount: retryCount }
    const runId = queueRun(tx, { ...subject, invocationSource, triggerDetail })
    await tx.run(requeue, { id, runId, losses: retryCount })
    retried.push({ issueId, event: wakeRetried(id, { agentId, issueId, runId, retryOfRunId, reason }, { agentId, runId }) })
  }
  return retried
}
