import { randomUUID } from 'node:crypto'
import { sql } from 'drizzle-orm'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { runs } from '../../model/runs.ts'
import { wakes } from '../../model/wakes.ts'
import { param, statement } from '../../platform/db/statement.ts'
import { actorColumns } from '../../platform/kernel/actor.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import { MAX_AGENT_WAKES_PER_HOUR } from './decideWake.ts'
import { wakeClosed } from './events.ts'
import { countSkip } from './skipCounters.ts'

/** The bound on agents that only wake each other: its counts, and the wake that shows the board where it applied. */

/** Wakes count for an hour, and only since a person last requested a wake for the issue. */
const countedSince = sql`greatest(now() - interval '1 hour', coalesce((
  select max(p.created_at) from ${wakes} p where p.issue_id = ${param('issueId', 'uuid')} and p.requested_by_actor_type = 'user'), '-infinity'))`

/**
 * SQL: how often agents recently had the agent `agentId` woken for the issue `issueId`. Requests that joined a wake cost
 * no run and do not count.
 */
export const recentWakeCount = sql`(select count(*)::int from (
  select 1 from ${wakes} w where w.issue_id = ${param('issueId', 'uuid')} and w.agent_id = ${param('agentId', 'uuid')}
    and w.requested_by_actor_type = 'agent' and w.status <> 'skipped' and w.created_at > ${countedSince}
  limit ${sql.raw(String(MAX_AGENT_WAKES_PER_HOUR))}) recent)`

/** SQL: how often agents had the agent `agentId` woken within the last hour for no issue. */
export const recentTaskWakeCount = sql`(
  select count(*)::int from ${runs} r join ${wakes} w on w.id = r.wakeup_request_id and w.requested_by_actor_type = 'agent'
  where r.agent_id = ${param('agentId', 'uuid')} and r.created_at > now() - interval '1 hour' and r.issue_id is null)`

const closedWake = sql`select w.id from ${wakes} w where w.issue_id = ${param('issueId', 'uuid')} and w.agent_id = ${param('agentId', 'uuid')}
  and w.close_reason = 'loop_bound' and w.created_at > ${countedSince} order by w.created_at desc limit 1`

const selectClosedWake = statement<{ agentId: string; issueId: string }, { id: string }>('wake_loop_closed').read(closedWake)

const countInClosedWake = statement<{ agentId: string; issueId: string }, { id: string }>('wake_loop_count').write(
  sql`update ${wakes} set coalesced_count = coalesced_count + 1, updated_at = now() where id = (${closedWake}) returning id`,
)

const insertClosed = statement<
  { id: string; companyId: string; agentId: string; issueId: string; source: string; reason: string; actorType: string; actorId: string },
  never
>('wake_loop_close').write(sql`
  insert into ${wakes} (id, company_id, agent_id, issue_id, source, reason, status, close_reason, finished_at,
    requested_by_actor_type, requested_by_actor_id)
  values (${param('id')}, ${param('companyId')}, ${param('agentId')}, ${param('issueId')}, ${param('source')}, ${param('reason')}, 'skipped',
    'loop_bound', now(), ${param('actorType')}, ${param('actorId')})`)

/**
 * (tx) Refuses a run to a request that would continue a loop of agents. For an issue the first such request within the
 * period is kept as a closed wake and audited, so that the board sees it; the following requests are counted in it,
 * unless the request is all that its mutation would record.
 */
export async function closeAsLoop(
  tx: Tx,
  ctx: Ctx,
  request: {
    readonly agentId: string
    readonly issueId: string | null
    readonly source: string
    readonly reason: string
    readonly hasOwnEvent: boolean
  },
): Promise<DomainEvent[]> {
  const { agentId, issueId, source, reason } = request
  countSkip(ctx.store, agentId, 'loop_bound')
  if (issueId === null) return []
  const counted = await tx.run(request.hasOwnEvent ? countInClosedWake : selectClosedWake, { agentId, issueId })
  if (counted.length > 0) return []
  const id = randomUUID()
  await tx.run(insertClosed, { id, companyId: companyOf(ctx), agentId, issueId, source, reason, ...actorColumns(ctx.actor) })
  return [wakeClosed(id, { agentId, issueId, why: 'loop_bound' }, { agentId })]
}
