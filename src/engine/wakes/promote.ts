import { sql } from 'drizzle-orm'
import { isInvokableSql } from '../../model/agentStatus.ts'
import { isClosedSql } from '../../model/issueStatus.ts'
import type { Tx } from '../../platform/db/types.ts'
import { agents } from '../../model/agents.ts'
import { companies } from '../../model/companies.ts'
import { issues } from '../../model/issues.ts'
import { runs } from '../../model/runs.ts'
import { isDeferred, wakes } from '../../model/wakes.ts'
import { unawaited } from '../../platform/db/mutate.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import { liveHolderOf, queueRun } from '../runs/index.ts'
import { wakeClosed, wakePromoted } from './events.ts'

/** Wakes read by one statement; the next ones follow while none of them is valid. */
const BATCH_SIZE = 50

/** A wake that waits for the holder of its issue and may get a run. */
export interface PromotableWake {
  readonly id: string
  readonly companyId: string
  readonly agentId: string
  readonly source: string
  readonly reason: string
  readonly losses: number
}

interface DeferredWake extends PromotableWake {
  readonly isCompanyActive: boolean
  readonly isInvokable: boolean
  readonly isAssignee: boolean
  readonly isIssueClosed: boolean
  /** The issue is assigned to a person. */
  readonly isWithPerson: boolean
}

// Ordered by age, which is the order of promotion. Two wakes of one issue are only ever locked under the issue's lock.
const deferredWakesOf = statement<{ issueId: string }, DeferredWake>('wake_waiting').read(sql`
  select w.id, w.company_id as "companyId", w.agent_id as "agentId", w.source, w.reason, w.losses,
    c.status = 'active' as "isCompanyActive", coalesce(${isInvokableSql('a')}, false) as "isInvokable",
    i.assignee_user_id is null and (i.assignee_agent_id is null or i.assignee_agent_id = w.agent_id) as "isAssignee",
    ${isClosedSql('i')} as "isIssueClosed", i.assignee_user_id is not null as "isWithPerson"
  from ${wakes} w join ${issues} i on i.id = w.issue_id join ${companies} c on c.id = w.company_id left join ${agents} a on a.id = w.agent_id
  where w.issue_id = ${param('issueId')} and ${isDeferred('w')}
  order by w.created_at, w.id limit ${sql.raw(String(BATCH_SIZE))}`)

const closeWake = statement<{ id: string; why: string }, { id: string }>('wake_close').write(sql`
  update ${wakes} set status = 'skipped', close_reason = ${param('why')}, finished_at = now(), updated_at = now()
  where id = ${param('id')} and status = 'deferred_issue_execution' returning id`)

const queueWake = statement<{ id: string; runId: string }, { id: string }>('wake_queue').write(sql`
  update ${wakes} set status = 'queued', run_id = ${param('runId')}, updated_at = now()
  where id = ${param('id')} and status = 'deferred_issue_execution' returning id`)

type InvalidReason = 'company_not_active' | 'agent_not_invokable' | 'not_assignee' | 'issue_closed'

const invalidReason = (wake: DeferredWake): InvalidReason | null => {
  if (wake.isIssueClosed) return 'issue_closed'
  if (!wake.isCompanyActive) return 'company_not_active'
  if (!wake.isInvokable) return 'agent_not_invokable'
  return wake.isAssignee ? null : 'not_assignee'
}

/**
 * (tx) The issue is free: queues a run for its oldest waiting wake that is still valid, and closes the older ones that
 * are not. Expects the issue's row lock, under which alone its wakes are promoted.
 * @returns the audit of it, in order
 */
export async function promoteWake(tx: Tx, issueId: string): Promise<DomainEvent[]> {
  const events: DomainEvent[] = []
  for (;;) {
    const deferred = await tx.run(deferredWakesOf, { issueId })
    for (const wake of deferred) {
      const why = invalidReason(wake)
      if (why === null) return [...events, promote(tx, issueId, wake).event]
      await tx.run(closeWake, { id: wake.id, why })
      events.push(wakeClosed(wake.id, { agentId: wake.agentId, issueId, why }, { agentId: wake.agentId }))
    }
    if (deferred.length < BATCH_SIZE) return events
  }
}

/**
 * (tx) The agent of the wake that `promoteWake` would queue, so that a person sees it before a hold is ended. It looks at the oldest
 * wakes only.
 * @param losesAgent whether the issue has no assigned agent by then
 */
export async function nextAgent(tx: Tx, issueId: string, losesAgent: boolean): Promise<string | null> {
  const deferred = await tx.run(deferredWakesOf, { issueId })
  const next = deferred.find((wake) => invalidReason(losesAgent ? { ...wake, isAssignee: !wake.isWithPerson } : wake) === null)
  return next?.agentId ?? null
}

/** (tx) Queues a run for one wake that waits. Expects the issue's row lock. */
export function promote(tx: Tx, issueId: string, wake: PromotableWake): { runId: string; event: DomainEvent } {
  const { id, companyId, agentId, source: invocationSource, reason, losses: processLossRetryCount } = wake
  const subject = { companyId, agentId, issueId, wakeupRequestId: id, processLossRetryCount }
  const runId = queueRun(tx, { ...subject, invocationSource, triggerDetail: 'system' })
  unawaited(tx.run(queueWake, { id, runId }))
  return { runId, event: wakePromoted(id, { agentId, issueId, runId, reason }, { agentId, runId }) }
}

const isHeldByLiveRun = statement<{ issueId: string }, { held: boolean }>('wake_issue_held').read(sql`
  select exists (select 1 from ${issues} i join ${runs} r on ${liveHolderOf('i')} where i.id = ${param('issueId', 'uuid')}) as held`)

/** (tx) As `promoteWake`, for an issue that may be held: then the end of its holder promotes the next wake. */
export async function promoteWakeIfFree(tx: Tx, issueId: string): Promise<DomainEvent[]> {
  const { held } = exactlyOne(await tx.run(isHeldByLiveRun, { issueId }))
  return held ? [] : await promoteWake(tx, issueId)
}

const finishOfRun = statement<{ runIds: string[]; status: string }, { id: string }>('wake_finish').write(sql`
  update ${wakes} set status = ${param('status')}, finished_at = now(), updated_at = now()
  where run_id = any(${param('runIds', 'uuid[]')}) and status in ('queued', 'claimed') returning id`)

/** (tx) Ends the wakes whose runs have ended. */
export const finishWakes = async (tx: Tx, runIds: readonly string[], status: 'completed' | 'failed' | 'cancelled'): Promise<void> =>
  void (await tx.run(finishOfRun, { runIds: [...runIds], status }))
