import { sql } from 'drizzle-orm'
import type { Ctx } from '../db/context.ts'
import { companyOf } from '../db/context.ts'
import type { Tx } from '../db/mutate.ts'
import { agents } from '../db/schema/agents.ts'
import { companies } from '../db/schema/companies.ts'
import { issues } from '../db/schema/issues.ts'
import { runs } from '../db/schema/runs.ts'
import { wakes } from '../db/schema/wakes.ts'
import { param, statement } from '../db/statement.ts'
import { nameActor } from '../kernel/actor.ts'
import { only } from '../kernel/only.ts'
import { isLive, queueRun } from '../runs/index.ts'

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
  held: boolean
  openWakeId: string | null
}

const situationOf = statement<{ agentId: string; issueId: string; companyId: string }, Situation>('wake_situation').read(sql`
  select
    exists (select 1 from ${agents} a join ${companies} c on c.id = a.company_id and c.status = 'active'
      where a.id = ${param('agentId', 'uuid')} and a.company_id = ${param('companyId', 'uuid')} and a.status in ('idle', 'active', 'running', 'error')) as invokable,
    exists (select 1 from ${issues} i join ${runs} r on r.id in (i.checkout_run_id, i.execution_run_id) and r.company_id = i.company_id
      where i.id = ${param('issueId', 'uuid')} and ${isLive}) as held,
    (select w.id from ${wakes} w where w.agent_id = ${param('agentId', 'uuid')} and w.issue_id = ${param('issueId', 'uuid')}
      and w.status in ('deferred_issue_execution', 'queued') order by w.created_at, w.id limit 1) as "openWakeId"`)

const coalesce = statement<{ id: string }, { id: string }>('wake_coalesce').write(sql`
  update ${wakes} set coalesced_count = coalesced_count + 1, updated_at = now()
  where id = ${param('id')} and status in ('deferred_issue_execution', 'queued') returning id`)

const insertWake = statement<
  {
    companyId: string
    agentId: string
    issueId: string
    source: string
    reason: string
    payload: string | null
    status: string
    actorType: string
    actorId: string
  },
  { id: string }
>('wake_insert').write(sql`
  insert into ${wakes} (company_id, agent_id, issue_id, source, reason, payload, status, requested_by_actor_type, requested_by_actor_id)
  values (${param('companyId')}, ${param('agentId')}, ${param('issueId')}, ${param('source')}, ${param('reason')},
    ${param('payload', 'jsonb')}, ${param('status')}, ${param('actorType')}, ${param('actorId')})
  returning id`)

const setRun = statement<{ id: string; runId: string }, never>('wake_set_run').write(
  sql`update ${wakes} set run_id = ${param('runId')} where id = ${param('id')}`,
)

/**
 * (tx) Asks that an agent be run for an issue, in the transaction of the change that causes it. A second wish for the
 * same agent and issue joins the first; while another run holds the issue, the wish waits. An agent that cannot be
 * invoked, or whose company is not active, is not woken. Expects the issue's row lock.
 */
export async function enqueueWake(tx: Tx, ctx: Ctx, wake: Wake): Promise<void> {
  const companyId = companyOf(ctx)
  const { invokable, held, openWakeId } = only(await tx.run(situationOf, { ...wake, companyId }))
  if (!invokable) return
  if (openWakeId !== null) {
    const joined = await tx.run(coalesce, { id: openWakeId })
    if (joined.length > 0) return
  }
  const waits = held && wake.besideHolder !== true
  const { id } = only(
    await tx.run(insertWake, {
      companyId,
      agentId: wake.agentId,
      issueId: wake.issueId,
      source: wake.source,
      reason: wake.reason,
      payload: wake.payload === undefined ? null : JSON.stringify(wake.payload),
      status: waits ? 'deferred_issue_execution' : 'queued',
      ...nameActor(ctx.actor),
    }),
  )
  if (waits) return
  const runId = await queueRun(tx, {
    companyId,
    agentId: wake.agentId,
    issueId: wake.issueId,
    invocationSource: wake.source,
    triggerDetail: 'system',
    wakeupRequestId: id,
  })
  await tx.run(setRun, { id, runId })
}
