import { sql } from 'drizzle-orm'
import { checkMayWrite } from '../../auth/mayWrite.ts'
import type { Ctx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { evictions, isHeldBy, issues } from '../../model/issues.ts'
import { param, statement } from '../../platform/db/statement.ts'
import { invariant, refuse } from '../../platform/kernel/errors.ts'
import type { Instant } from '../../platform/kernel/time.ts'
import { stopCommands } from '../../engine/budgets/index.ts'
import type { StopCommand } from '../../engine/budgets/index.ts'
import { renewLease, runRowById } from '../../engine/runs/index.ts'

export interface HeartbeatResponse {
  readonly leaseExpiresAt: Instant
  /** Commands of the control plane to the run, oldest first. */
  readonly commands: readonly ({ readonly type: 'drop_issue'; readonly issueId: string } | StopCommand)[]
  /** Issues whose lock columns name the run. */
  readonly holds: readonly { readonly issueId: string; readonly identifier: string; readonly lockEpoch: number }[]
  /** Issues whose hold an administrator revoked; the run can never take them again. */
  readonly revoked: readonly { readonly issueId: string; readonly identifier: string; readonly revokedAt: Instant }[]
}

/** The most issues listed in one answer; no regular run holds as many. */
const MAX_ISSUES = sql.raw('200')

const holdsOf = statement<{ id: string; companyId: string }, HeartbeatResponse['holds'][number]>('run_holds').read(sql`
  select i.id as "issueId", i.identifier, i.lock_epoch as "lockEpoch" from ${issues} i
  where i.company_id = ${param('companyId')} and ${isHeldBy('i', sql`= ${param('id')}`)} order by i.id limit ${MAX_ISSUES}`)

const revokedFrom = statement<{ id: string }, HeartbeatResponse['revoked'][number]>('run_revoked').read(sql`
  select e.issue_id as "issueId", i.identifier, e.created_at as "revokedAt" from ${evictions} e join ${issues} i on i.id = e.issue_id
  where e.run_id = ${param('id')} order by e.created_at, e.issue_id limit ${MAX_ISSUES}`)

/**
 * Renews the lease of the calling run and returns the issues that it holds and those that were revoked. It decides
 * nothing and is not audited.
 * @throws Refusal `forbidden` for a run of another agent, `run_ended` for a dead one: its lease is not revived;
 *   those of `checkMayWrite`
 */
export async function heartbeat(ctx: Ctx, runId: string): Promise<HeartbeatResponse> {
  const { actor } = ctx
  invariant(actor.kind === 'agent', 'only agents have runs')
  if (actor.runId !== null && actor.runId !== runId) refuse('run_id_mismatch')
  const companyId = companyOf(ctx)
  const leaseExpiresAt = await renewLease(ctx.store, { runId, companyId, agentId: actor.agentId }, 'always')
  if (leaseExpiresAt === null) {
    const run = await runRowById(ctx.store.read, ctx, runId)
    if (run.agentId !== actor.agentId) refuse('forbidden', { message: 'Not a run of this agent' })
    await checkMayWrite(ctx.store.read, actor)
    refuse('run_ended', {
      details: { actorAgentId: actor.agentId, actorRunId: runId, runStatus: run.status, retryable: false, next: 'new_run' },
    })
  }
  const { read } = ctx.store
  const [holds, revoked, stops] = await Promise.all([
    read.run(holdsOf, { id: runId, companyId }),
    read.run(revokedFrom, { id: runId }),
    stopCommands(ctx.store, runId, companyId),
  ])
  const commands = revoked.map(({ issueId }) => ({ type: 'drop_issue' as const, issueId }))
  return { leaseExpiresAt, commands: [...stops, ...commands], holds, revoked }
}
