import { sql } from 'drizzle-orm'
import type { Tx } from '../../platform/db/types.ts'
import { agents } from '../../model/agents.ts'
import { companies } from '../../model/companies.ts'
import { issues } from '../../model/issues.ts'
import { runs } from '../../model/runs.ts'
import { isOpen, isDeferred, wakes } from '../../model/wakes.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import { liveHolderOf, queueRun } from '../runs/index.ts'
import { wakeClosed, wakePromoted } from './events.ts'

/** Wakes looked at in one statement; those behind them follow while none of them is valid. */
const BATCH_SIZE = 50

interface DeferredWake {
  id: string
  companyId: string
  agentId: string
  source: string
  reason: string
  losses: number
  companyActive: boolean
  invokable: boolean
  isAssignee: boolean
  closed: boolean
}

// Ordered by age, which is the order of promotion; two wakes of one issue are only ever locked under the issue's lock.
const deferredWakesOf = statement<{ issueId: string }, DeferredWake>('wake_waiting').read(sql`
  select w.id, w.company_id as "companyId", w.agent_id as "agentId", w.source, w.reason, w.losses,
    c.status = 'active' as "companyActive",
    coalesce(a.status in ('idle', 'active', 'running', 'error'), false) as invokable,
    i.assignee_user_id is null and (i.assignee_agent_id is null or i.assignee_agent_id = w.agent_id) as "isAssignee",
    i.status in ('done', 'cancelled') as closed
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
  if (wake.closed) return 'issue_closed'
  if (!wake.companyActive) return 'company_not_active'
  if (!wake.invokable) return 'agent_not_invokable'
  return wake.isAssignee ? null : 'not_assignee'
}

/**
 * (tx) The issue is free: queues a run for its oldest waiting wake that is still valid, and closes those before it that
 * are not. Expects the issue's row lock, under which alone its wakes are promoted.
 * @returns what happened, in order
 */
export async function promoteWake(tx: Tx, issueId: string): Promise<DomainEvent[]> {
  const events: DomainEvent[] = []
  for (;;) {
    const deferred = await tx.run(deferredWakesOf, { issueId })
    for (const wake of deferred) {
      const why = invalidReason(wake)
      if (why === null) return [...events, (await promote(tx, issueId, wake)).event]
      await tx.run(closeWake, { id: wake.id, why })
      events.push(wakeClosed(wake.id, { agentId: wake.agentId, issueId, why }, { agentId: wake.agentId }))
    }
    if (deferred.length < BATCH_SIZE) return events
  }
}

type Promotable = Pick<DeferredWake, 'id' | 'companyId' | 'agentId' | 'source' | 'reason' | 'losses'>

async function promote(tx: Tx, issueId: string, wake: Promotable): Promise<{ runId: string; event: DomainEvent }> {
  const { id, companyId, agentId, source: invocationSource, reason, losses: processLossRetryCount } = wake
  const subject = { companyId, agentId, issueId, wakeupRequestId: id, processLossRetryCount }
  const runId = await queueRun(tx, { ...subject, invocationSource, triggerDetail: 'system' })
  await tx.run(queueWake, { id, runId })
  return { runId, event: wakePromoted(id, { agentId, issueId, runId, reason }, { agentId, runId }) }
}

const isHeldByLiveRun = statement<{ issueId: string }, { held: boolean }>('wake_issue_held').read(sql`
  select exists (select 1 from ${issues} i join ${runs} r on ${liveHolderOf('i')}
    where i.id = ${param('issueId', 'uuid')}) as held`)

/** (tx) As `promoteWake`, for an issue that may be held; its holder's end then passes the turn on. */
export async function promoteWakeIfFree(tx: Tx, issueId: string): Promise<DomainEvent[]> {
  const { held } = exactlyOne(await tx.run(isHeldByLiveRun, { issueId }))
  return held ? [] : await promoteWake(tx, issueId)
}

const coalesceDeferredOfAgent = statement<{ agentId: string; issueId: string }, Promotable>('wake_own_waiting').write(sql`
  update ${wakes} set coalesced_count = coalesced_count + 1, updated_at = now() where id = (
    select w.id from ${wakes} w where w.agent_id = ${param('agentId', 'uuid')} and w.issue_id = ${param('issueId', 'uuid')}
      and ${isOpen('w')} and w.status = 'deferred_issue_execution' order by w.created_at, w.id limit 1)
  returning id, company_id as "companyId", agent_id as "agentId", source, reason, losses`)

/**
 * (tx) A wish for an issue that nobody holds, where one for the same agent waits behind somebody who has been queued for
 * the issue and has not started: there is nothing to wait for any more. Expects the issue's row lock.
 * @returns the run that stands for both wishes; null when none waits
 */
export async function promoteForAgent(tx: Tx, agentId: string, issueId: string): Promise<{ runId: string; event: DomainEvent } | null> {
  const [wake] = await tx.run(coalesceDeferredOfAgent, { agentId, issueId })
  return wake === undefined ? null : await promote(tx, issueId, wake)
}

const finishOfRun = statement<{ runIds: string[]; status: string }, { id: string }>('wake_finish').write(sql`
  update ${wakes} set status = ${param('status')}, finished_at = now(), updated_at = now()
  where run_id = any(${param('runIds', 'uuid[]')}) and status in ('queued', 'claimed') returning id`)

/** (tx) Ends the wakes whose runs have ended. */
export const finishWakes = async (tx: Tx, runIds: readonly string[], status: 'completed' | 'failed' | 'cancelled'): Promise<void> =>
  void (await tx.run(finishOfRun, { runIds: [...runIds], status }))
