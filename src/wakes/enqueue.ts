import { sql } from 'drizzle-orm'
import { isInvokable, wakesOnDemand } from '../agents/index.ts'
import type { Ctx } from '../db/context.ts'
import { companyOf } from '../db/context.ts'
import type { Tx } from '../db/mutate.ts'
import { agents } from '../db/schema/agents.ts'
import { companies } from '../db/schema/companies.ts'
import { issues } from '../db/schema/issues.ts'
import { runs } from '../db/schema/runs.ts'
import { isOpen, wakes } from '../db/schema/wakes.ts'
import { param, statement } from '../db/statement.ts'
import type { DomainEvent } from '../kernel/event.ts'
import { only } from '../kernel/only.ts'
import { isLive } from '../runs/index.ts'
import { closeLoop, isLooping, wokenLately } from './loops.ts'
import { placeWaiting, placeWake } from './place.ts'
import { promoteOwn } from './promote.ts'
import { countSkip } from './skips.ts'

/** The reason of wakes that ask for words only: their runs do not take the issue. */
export const MENTIONED = 'issue_comment_mentioned'

export interface Wake {
  readonly agentId: string
  readonly issueId: string
  readonly source: 'timer' | 'assignment' | 'on_demand' | 'automation'
  readonly reason: string
  readonly payload?: Readonly<Record<string, unknown>>
  /** Wakes the agent although another run holds the issue: a mention asks for words, not for the work. */
  readonly besideHolder?: boolean
}

interface Situation {
  invokable: boolean
  listens: boolean
  held: boolean
  queuedWakeId: string | null
  waitingWakeId: string | null
  wokenLately: number
}

const openWake = (status: 'queued' | 'deferred_issue_execution') => sql`(
  select w.id from ${wakes} w where w.agent_id = ${param('agentId', 'uuid')} and w.issue_id = ${param('issueId', 'uuid')}
    and ${isOpen('w')} and w.status = ${sql.raw(`'${status}'`)} order by w.created_at, w.id limit 1)`

// What waits for a holder stands for another wish only as long as somebody holds the issue, and never for what need not wait.
const situationOf = statement<{ agentId: string; issueId: string; companyId: string; byAgent: boolean }, Situation>('wake_situation')
  .read(sql`
  select coalesce(a.invokable, false) as invokable, coalesce(a.listens, false) as listens,
    exists (select 1 from ${issues} i join ${runs} r on r.id in (i.checkout_run_id, i.execution_run_id) and r.company_id = i.company_id
      where i.id = ${param('issueId', 'uuid')} and ${isLive}) as held,
    ${openWake('queued')} as "queuedWakeId", ${openWake('deferred_issue_execution')} as "waitingWakeId",
    case when ${param('byAgent', 'boolean')} then ${wokenLately} else 0 end as "wokenLately"
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
export async function enqueueWake(tx: Tx, ctx: Ctx, wake: Wake): Promise<DomainEvent[]> {
  const { agentId, issueId } = wake
  const beside = wake.besideHolder === true
  const byAgent = ctx.actor.kind === 'agent'
  const situation = only(await tx.run(situationOf, { agentId, issueId, companyId: companyOf(ctx), byAgent }))
  if (!situation.invokable) {
    countSkip(ctx.store, agentId, 'agent_not_invokable')
    return []
  }
  if (!situation.listens) {
    countSkip(ctx.store, agentId, 'wake_on_demand_off')
    return []
  }
  const { held, queuedWakeId, waitingWakeId } = situation
  const stands = queuedWakeId ?? (held && !beside ? waitingWakeId : null)
  if (stands !== null) {
    const joined = await tx.run(coalesce, { id: stands })
    if (joined.length > 0) return []
  }
  if (!held && !beside && waitingWakeId !== null) {
    const promoted = await promoteOwn(tx, agentId, issueId)
    if (promoted !== null) return [promoted.event]
  }
  if (isLooping(situation.wokenLately)) return await closeLoop(tx, ctx, wake)
  const { besideHolder: _, ...wish } = wake
  const place = held && !beside ? placeWaiting : placeWake
  await place(tx, ctx, { ...wish, triggerDetail: 'system' })
  return []
}
