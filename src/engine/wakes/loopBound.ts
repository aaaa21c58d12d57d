import { randomUUID } from 'node:crypto'
import { sql } from 'drizzle-orm'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { wakes } from '../../model/wakes.ts'
import { param, statement } from '../../platform/db/statement.ts'
import { actorColumns } from '../../platform/kernel/actor.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import { wakeClosed } from './events.ts'
import { countSkip } from './skipCounters.ts'

/**
 * How often agents may wake one agent for one issue within an hour, with no person in between. Every three minutes for
 * an hour is a lively conversation; beyond it they most likely only answer each other, and each answer costs a run.
 */
const MAX_AGENT_WAKES_PER_HOUR = 20

/** Since when wakes count: for an hour, and only since a person has last had somebody woken for the issue. */
const countedSince = sql`greatest(now() - interval '1 hour', coalesce((
  select max(p.created_at) from ${wakes} p where p.issue_id = ${param('issueId', 'uuid')} and p.requested_by_actor_type = 'user'), '-infinity'))`

/** How often agents have lately had the agent `agentId` woken for the issue `issueId`. Wakes that joined another cost no run. */
export const recentWakeCount = sql`(select count(*)::int from (
  select 1 from ${wakes} w where w.issue_id = ${param('issueId', 'uuid')} and w.agent_id = ${param('agentId', 'uuid')}
    and w.requested_by_actor_type = 'agent' and w.status <> 'skipped' and w.created_at > ${countedSince}
  limit ${sql.raw(String(MAX_AGENT_WAKES_PER_HOUR))}) lately)`

/** Whether one more wake would go on with what looks like a loop. */
export const isLooping = (count: number): boolean => count >= MAX_AGENT_WAKES_PER_HOUR

const countInClosedWake = statement<{ agentId: string; issueId: string }, { id: string }>('wake_loop_count').write(sql`
  update ${wakes} set coalesced_count = coalesced_count + 1, updated_at = now() where id = (
    select w.id from ${wakes} w where w.issue_id = ${param('issueId', 'uuid')} and w.agent_id = ${param('agentId', 'uuid')}
      and w.close_reason = 'loop_bound' and w.created_at > ${countedSince} order by w.created_at desc limit 1)
  returning id`)

const insertClosed = statement<
  { id: string; companyId: string; agentId: string; issueId: string; source: string; reason: string; actorType: string; actorId: string },
  never
>('wake_loop_close').write(sql`
  insert into ${wakes} (id, company_id, agent_id, issue_id, source, reason, status, close_reason, finished_at,
    requested_by_actor_type, requested_by_actor_id)
  values (${param('id')}, ${param('companyId')}, ${param('agentId')}, ${param('issueId')}, ${param('source')}, ${param('reason')}, 'skipped',
    'loop_bound', now(), ${param('actorType')}, ${param('actorId')})`)

/**
 * (tx) Closes a wake that would go on with a loop of agents. One of them is kept and told of, so that the board sees it;
 * those that follow are counted in it.
 */
export async function closeAsLoop(
  tx: Tx,
  ctx: Ctx,
  wake: { readonly agentId: string; readonly issueId: string; readonly source: string; readonly reason: string },
): Promise<DomainEvent[]> {
  const { agentId, issueId, source, reason } = wake
  countSkip(ctx.store, agentId, 'loop_bound')
  const counted = await tx.run(countInClosedWake, { agentId, issueId })
  if (counted.length > 0) return []
  const id = randomUUID()
  await tx.run(insertClosed, { id, companyId: companyOf(ctx), agentId, issueId, source, reason, ...actorColumns(ctx.actor) })
  return [wakeClosed(id, { agentId, issueId, why: 'loop_bound' }, { agentId })]
}
