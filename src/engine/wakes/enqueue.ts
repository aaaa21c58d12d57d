import { sql } from 'drizzle-orm'
import { isInvokable, wakesOnDemand } from '../../org/agents/index.ts'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { agents } from '../../model/agents.ts'
import { companies } from '../../model/companies.ts'
import { issues } from '../../model/issues.ts'
import { runs } from '../../model/runs.ts'
import { isOpen, wakes } from '../../model/wakes.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import { liveHolderOf } from '../runs/index.ts'
import { closeAsLoop, isLooping, recentWakeCount } from './loopBound.ts'
import { insertDeferredWake, insertQueuedWake } from './insert.ts'
import { promoteForAgent } from './promote.ts'
import { countSkip } from './skipCounters.ts'

/** The reason of wakes that ask for words only: their runs do not take the issue. */
export const MENTION_REASON = 'issue_comment_mentioned'

export interface IssueWakeRequest {
  readonly agentId: string
  readonly issueId: string
  readonly source: 'timer' | 'assignment' | 'on_demand' | 'automation'
  readonly reason: string
  readonly payload?: Readonly<Record<string, unknown>>
  /** Wakes the agent although another run holds the issue: a mention asks for words, not for the work. */
  readonly besideHolder?: boolean
}

interface WakeFacts {
  invokable: boolean
  listens: boolean
  held: boolean
  queuedWakeId: string | null
  waitingWakeId: string | null
  wokenLately: number
}

const openWakeId = (status: 'queued' | 'deferred_issue_execution') => sql`(
  select w.id from ${wakes} w where w.agent_id = ${param('agentId', 'uuid')} and w.issue_id = ${param('issueId', 'uuid')}
    and ${isOpen('w')} and w.status = ${sql.raw(`'${status}'`)} order by w.created_at, w.id limit 1)`

// What waits for a holder stands for another wish only as long as somebody holds the issue, and never for what need not wait.
const loadWakeFacts = statement<{ agentId: string; issueId: string; companyId: string; byAgent: boolean }, WakeFacts>('wake_situation')
  .read(sql`
  select coalesce(a.invokable, false) as invokable, coalesce(a.listens, false) as listens,
    exists (select 1 from ${issues} i join ${runs} r on ${liveHolderOf('i')}
      where i.id = ${param('issueId', 'uuid')}) as held,
    ${openWakeId('queued')} as "queuedWakeId", ${openWakeId('deferred_issue_execution')} as "waitingWakeId",
    case when ${param('byAgent', 'boolean')} then ${recentWakeCount} else 0 end as "wokenLately"
  from (select 1) one left join (
    select ${isInvokable} as invokable, ${wakesOnDemand} as listens from ${agents} a
    join ${companies} c on c.id = a.company_id and c.status = 'active'
    where a.id = ${param('agentId', 'uuid')} and a.company_id = ${param('companyId', 'uuid')}) a on true`)

const coalesce = statement<{ id: string }, { id: string }>('wake_coalesce').write(sql`
  update ${wakes} set coalesced_count = coalesced_count + 1, updated_at = now()
  where id = ${param('id')} and status in ('deferred_issue_execution', 'queued') returning id`)

/**
 * (tx) Asks that an agent be run for an issue, in the transaction of the change that causes it. A second wish for the
 * same agent and issue joins the first; while another run holds the issue, the wish waits. An agent that cannot be
 * invoked, that does not listen (`wakeOnDemand`), or whose company is not active, is not woken. Expects the issue's row
 * lock.
 *
 * @returns what there is to tell beside the change itself: that a waiting wake was promoted, or a loop of agents cut
 */
export async function enqueueWake(tx: Tx, ctx: Ctx, wake: IssueWakeRequest): Promise<DomainEvent[]> {
  const { agentId, issueId } = wake
  const runsBesideHolder = wake.besideHolder === true
  const byAgent = ctx.actor.kind === 'agent'
  const facts = exactlyOne(await tx.run(loadWakeFacts, { agentId, issueId, companyId: companyOf(ctx), byAgent }))
  if (!facts.invokable) {
    countSkip(ctx.store, agentId, 'agent_not_invokable')
    return []
  }
  if (!facts.listens) {
    countSkip(ctx.store, agentId, 'wake_on_demand_off')
    return []
  }
  const { held, queuedWakeId, waitingWakeId } = facts
  const absorbingWakeId = queuedWakeId ?? (held && !runsBesideHolder ? waitingWakeId : null)
  if (absorbingWakeId !== null) {
    const joined = await tx.run(coalesce, { id: absorbingWakeId })
    if (joined.length > 0) return []
  }
  if (!held && !runsBesideHolder && waitingWakeId !== null) {
    const promoted = await promoteForAgent(tx, agentId, issueId)
    if (promoted !== null) return [promoted.event]
  }
  if (isLooping(facts.wokenLately)) return await closeAsLoop(tx, ctx, wake)
  const { besideHolder: _, ...request } = wake
  const insertWake = held && !runsBesideHolder ? insertDeferredWake : insertQueuedWake
  await insertWake(tx, ctx, { ...request, triggerDetail: 'system' })
  return []
}
