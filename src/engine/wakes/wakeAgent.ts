import { sql } from 'drizzle-orm'
import { isInvokable, wakesOnDemand } from '../../org/agents/index.ts'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { agents } from '../../model/agents.ts'
import { companies } from '../../model/companies.ts'
import { isOpen, wakes } from '../../model/wakes.ts'
import { param, statement } from '../../platform/db/statement.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import { insertQueuedWake } from './insert.ts'
import { countSkip } from './skipCounters.ts'

/** A reason to run an agent that is not about one issue. */
export interface AgentWakeRequest {
  readonly agentId: string
  readonly source: 'on_demand' | 'automation'
  readonly reason: string
  /** What the run is to know. A wish with the same reason and payload joins one that still waits. */
  readonly payload: Readonly<Record<string, unknown>>
}

/** What became of a wish: a run was queued, or one that waits already stands for it, or the agent is not to be run. */
export type WakeResult =
  | { readonly kind: 'queued' | 'joined'; readonly runId: string }
  | { readonly kind: 'not_woken'; readonly why: 'agent_not_invokable' | 'wake_on_demand_off' }

const loadWakeFacts = statement<
  { agentId: string; companyId: string; reason: string; payload: string },
  { invokable: boolean; listens: boolean; openRunId: string | null }
>('wake_agent_situation').read(sql`
  select coalesce(a.invokable, false) as invokable, coalesce(a.listens, false) as listens,
    (select w.run_id from ${wakes} w where w.agent_id = ${param('agentId', 'uuid')} and w.issue_id is null and ${isOpen('w')} and w.status = 'queued'
      and w.reason = ${param('reason')} and w.payload = ${param('payload', 'jsonb')} order by w.created_at, w.id limit 1) as "openRunId"
  from (select 1) one left join (
    select ${isInvokable} as invokable, ${wakesOnDemand} as listens from ${agents} a
    join ${companies} c on c.id = a.company_id and c.status = 'active'
    where a.id = ${param('agentId', 'uuid')} and a.company_id = ${param('companyId', 'uuid')}) a on true`)

/**
 * (tx) Asks that an agent be run, for no issue, in the transaction of the change that causes it. Unlike a wake for an
 * issue it waits for nobody's hold. Expects the agent's row lock, under which alone its runs are ended.
 */
export async function wakeAgent(tx: Tx, ctx: Ctx, wake: AgentWakeRequest): Promise<WakeResult> {
  const { agentId, reason } = wake
  const payload = JSON.stringify(wake.payload)
  const { invokable, listens, openRunId } = exactlyOne(await tx.run(loadWakeFacts, { agentId, companyId: companyOf(ctx), reason, payload }))
  if (!invokable) {
    countSkip(ctx.store, agentId, 'agent_not_invokable')
    return { kind: 'not_woken', why: 'agent_not_invokable' }
  }
  if (!listens) {
    countSkip(ctx.store, agentId, 'wake_on_demand_off')
    return { kind: 'not_woken', why: 'wake_on_demand_off' }
  }
  if (openRunId !== null) return { kind: 'joined', runId: openRunId }
  return { kind: 'queued', runId: await insertQueuedWake(tx, ctx, { ...wake, issueId: null, triggerDetail: 'system' }) }
}
