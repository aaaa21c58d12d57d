import { sql } from 'drizzle-orm'
import type { Tx } from '../db/mutate.ts'
import { agents } from '../db/schema/agents.ts'
import { companies } from '../db/schema/companies.ts'
import { issues } from '../db/schema/issues.ts'
import { wakes } from '../db/schema/wakes.ts'
import { param, statement } from '../db/statement.ts'
import type { DomainEvent } from '../kernel/event.ts'
import { queueRun } from '../runs/index.ts'
import { wakeClosed, wakePromoted } from './events.ts'

/** Wakes looked at in one promotion; the rest are looked at when the issue is freed again. */
const MOST_WAKES = 50

interface Waiting {
  id: string
  companyId: string
  agentId: string
  source: string
  reason: string
  companyActive: boolean
  invokable: boolean
  isAssignee: boolean
  closed: boolean
}

// Ordered by age, which is the order of promotion; two wakes of one issue are only ever locked under the issue's lock.
const waitingOf = statement<{ issueId: string }, Waiting>('wake_waiting').read(sql`
  select w.id, w.company_id as "companyId", w.agent_id as "agentId", w.source, w.reason,
    c.status = 'active' as "companyActive",
    coalesce(a.status in ('idle', 'active', 'running', 'error'), false) as invokable,
    i.assignee_user_id is null and (i.assignee_agent_id is null or i.assignee_agent_id = w.agent_id) as "isAssignee",
    i.status in ('done', 'cancelled') as closed
  from ${wakes} w join ${issues} i on i.id = w.issue_id join ${companies} c on c.id = w.company_id left join ${agents} a on a.id = w.agent_id
  where w.issue_id = ${param('issueId')} and w.status = 'deferred_issue_execution'
  order by w.created_at, w.id limit ${sql.raw(String(MOST_WAKES))}`)

const closeWake = statement<{ id: string; why: string }, { id: string }>('wake_close').write(sql`
  update ${wakes} set status = 'skipped', close_reason = ${param('why')}, finished_at = now(), updated_at = now()
  where id = ${param('id')} and status = 'deferred_issue_execution' returning id`)

const queueWake = statement<{ id: string; runId: string }, { id: string }>('wake_queue').write(sql`
  update ${wakes} set status = 'queued', run_id = ${param('runId')}, updated_at = now()
  where id = ${param('id')} and status = 'deferred_issue_execution' returning id`)

type Invalid = 'company_not_active' | 'agent_not_invokable' | 'not_assignee' | 'issue_closed'

const whyInvalid = (wake: Waiting): Invalid | null => {
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
  for (const wake of await tx.run(waitingOf, { issueId })) {
    const why = whyInvalid(wake)
    if (why !== null) {
      await tx.run(closeWake, { id: wake.id, why })
      events.push(wakeClosed(wake.id, { agentId: wake.agentId, issueId, why }, { agentId: wake.agentId }))
      continue
    }
    const runId = await queueRun(tx, {
      companyId: wake.companyId,
      agentId: wake.agentId,
      issueId,
      invocationSource: wake.source,
      triggerDetail: 'system',
      wakeupRequestId: wake.id,
    })
    await tx.run(queueWake, { id: wake.id, runId })
    events.push(wakePromoted(wake.id, { agentId: wake.agentId, issueId, runId, reason: wake.reason }, { agentId: wake.agentId, runId }))
    break
  }
  return events
}

const finishOfRun = statement<{ runIds: string[]; status: string }, { id: string }>('wake_finish').write(sql`
  update ${wakes} set status = ${param('status')}, finished_at = now(), updated_at = now()
  where run_id = any(${param('runIds', 'uuid[]')}) and status in ('queued', 'claimed') returning id`)

/** (tx) Ends the wakes whose runs have ended. */
export const finishWakes = async (tx: Tx, runIds: readonly string[], status: 'completed' | 'failed' | 'cancelled'): Promise<void> =>
  void (await tx.run(finishOfRun, { runIds: [...runIds], status }))
