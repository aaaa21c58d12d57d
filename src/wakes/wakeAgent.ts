import { randomUUID } from 'node:crypto'
import { sql } from 'drizzle-orm'
import type { Ctx } from '../db/context.ts'
import { companyOf } from '../db/context.ts'
import type { Tx } from '../db/mutate.ts'
import { agents } from '../db/schema/agents.ts'
import { companies } from '../db/schema/companies.ts'
import { wakes } from '../db/schema/wakes.ts'
import { param, statement } from '../db/statement.ts'
import { nameActor } from '../kernel/actor.ts'
import { only } from '../kernel/only.ts'
import { queueRun } from '../runs/index.ts'

/** A reason to run an agent that is not about one issue. */
export interface AgentWake {
  readonly agentId: string
  readonly source: 'timer' | 'on_demand' | 'automation'
  readonly reason: string
  /** What the run is to know. A wish with the same reason and payload joins one that still waits. */
  readonly payload: Readonly<Record<string, unknown>>
}

/** What became of a wish: a run was queued, or one that waits already stands for it, or the agent cannot be run. */
export type Woken = { readonly kind: 'queued' | 'joined'; readonly runId: string } | { readonly kind: 'not_invokable' }

const situationOf = statement<
  { agentId: string; companyId: string; reason: string; payload: string },
  { invokable: boolean; openRunId: string | null }
>('wake_agent_situation').read(sql`
  select
    exists (select 1 from ${agents} a join ${companies} c on c.id = a.company_id and c.status = 'active'
      where a.id = ${param('agentId', 'uuid')} and a.company_id = ${param('companyId', 'uuid')} and a.status in ('idle', 'active', 'running', 'error')) as invokable,
    (select w.run_id from ${wakes} w where w.agent_id = ${param('agentId', 'uuid')} and w.issue_id is null and w.status = 'queued'
      and w.reason = ${param('reason')} and w.payload = ${param('payload', 'jsonb')} order by w.created_at, w.id limit 1) as "openRunId"`)

const insertWake = statement<
  {
    id: string
    companyId: string
    agentId: string
    source: string
    reason: string
    payload: string
    runId: string
    actorType: string
    actorId: string
  },
  never
>('wake_agent_insert').write(sql`
  insert into ${wakes} (id, company_id, agent_id, source, reason, payload, status, run_id, requested_by_actor_type, requested_by_actor_id)
  values (${param('id')}, ${param('companyId')}, ${param('agentId')}, ${param('source')}, ${param('reason')}, ${param('payload', 'jsonb')},
    'queued', ${param('runId')}, ${param('actorType')}, ${param('actorId')})`)

/**
 * (tx) Asks that an agent be run, for no issue, in the transaction of the change that causes it. Unlike a wake for an
 * issue it waits for nobody's hold. Expects the agent's row lock, under which alone its runs are ended.
 */
export async function wakeAgent(tx: Tx, ctx: Ctx, wake: AgentWake): Promise<Woken> {
  const companyId = companyOf(ctx)
  const { agentId, source, reason } = wake
  const payload = JSON.stringify(wake.payload)
  const { invokable, openRunId } = only(await tx.run(situationOf, { agentId, companyId, reason, payload }))
  if (!invokable) return { kind: 'not_invokable' }
  if (openRunId !== null) return { kind: 'joined', runId: openRunId }
  const id = randomUUID()
  const runId = await queueRun(tx, {
    companyId,
    agentId,
    issueId: null,
    invocationSource: source,
    triggerDetail: 'system',
    wakeupRequestId: id,
  })
  await tx.run(insertWake, { id, companyId, agentId, source, reason, payload, runId, ...nameActor(ctx.actor) })
  return { kind: 'queued', runId }
}
