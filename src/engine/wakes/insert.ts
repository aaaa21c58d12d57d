import { randomUUID } from 'node:crypto'
import { sql } from 'drizzle-orm'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { wakes } from '../../model/wakes.ts'
import { param, statement } from '../../platform/db/statement.ts'
import { actorColumns } from '../../platform/kernel/actor.ts'
import { queueRun } from '../runs/index.ts'

/** A wake to be written, once everything about it is decided. */
export interface NewWake {
  readonly agentId: string
  readonly issueId: string | null
  readonly source: 'timer' | 'assignment' | 'on_demand' | 'automation'
  readonly triggerDetail: 'manual' | 'ping' | 'callback' | 'system'
  readonly reason: string
  readonly payload?: Readonly<Record<string, unknown>>
}

const insertWake = statement<
  {
    id: string
    companyId: string
    agentId: string
    issueId: string | null
    source: string
    triggerDetail: string
    reason: string
    payload: string | null
    status: string
    runId: string | null
    actorType: string
    actorId: string
  },
  never
>('wake_insert').write(sql`
  insert into ${wakes} (id, company_id, agent_id, issue_id, source, trigger_detail, reason, payload, status, run_id,
    requested_by_actor_type, requested_by_actor_id)
  values (${param('id')}, ${param('companyId')}, ${param('agentId')}, ${param('issueId', 'uuid')}, ${param('source')}, ${param('triggerDetail')},
    ${param('reason')}, ${param('payload', 'jsonb')}, ${param('status')}, ${param('runId', 'uuid')}, ${param('actorType')}, ${param('actorId')})`)

async function insertRow(tx: Tx, ctx: Ctx, id: string, runId: string | null, wake: NewWake): Promise<void> {
  const { agentId, issueId, source, triggerDetail, reason, payload } = wake
  await tx.run(insertWake, {
    id,
    companyId: companyOf(ctx),
    agentId,
    issueId,
    source,
    triggerDetail,
    reason,
    payload: payload === undefined ? null : JSON.stringify(payload),
    status: runId === null ? 'deferred_issue_execution' : 'queued',
    runId,
    ...actorColumns(ctx.actor),
  })
}

/** (tx) Writes a wake and the queued run it stands for. @returns the id of the run */
export async function insertQueuedWake(tx: Tx, ctx: Ctx, wake: NewWake): Promise<string> {
  const { agentId, issueId, source: invocationSource, triggerDetail } = wake
  const id = randomUUID()
  const run = {
    companyId: companyOf(ctx),
    agentId,
    issueId,
    invocationSource,
    triggerDetail,
    wakeupRequestId: id,
    processLossRetryCount: 0,
  }
  const runId = await queueRun(tx, run)
  await insertRow(tx, ctx, id, runId, wake)
  return runId
}

/** (tx) Writes a wake that waits until another run lets go of its issue. @returns the id of the wake */
export async function insertDeferredWake(tx: Tx, ctx: Ctx, wake: NewWake & { readonly issueId: string }): Promise<string> {
  const id = randomUUID()
  await insertRow(tx, ctx, id, null, wake)
  return id
}
