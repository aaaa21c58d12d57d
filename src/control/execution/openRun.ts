import { randomUUID } from 'node:crypto'
import { sql } from 'drizzle-orm'
import type { RunTokens } from '../../auth/runTokens.ts'
import { isInvokable } from '../../model/agentStatus.ts'
import { lockAgent } from '../../org/agents/index.ts'
import { companyById } from '../../org/companies/index.ts'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { changed, mutate, pipelined, unawaited } from '../../platform/db/mutate.ts'
import { hasLease, isUnended, runs } from '../../model/runs.ts'
import { param, statement } from '../../platform/db/statement.ts'
import { issueById } from '../../work/issues/index.ts'
import { actingRunIdOf } from '../../platform/kernel/actor.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { requireActingRun, lockRunFacts } from '../../auth/runFacts.ts'
import { requireOwnMayWrite } from '../../auth/mayWrite.ts'
import { countOpenRun } from '../../auth/countedQuotas.ts'
import { insertOpenRun, LEASE_DEFAULT_S, runColumns, runStarted } from '../../engine/runs/index.ts'
import type { RunRow } from '../../engine/runs/index.ts'
import { hasHardLimit, requireReservation } from '../../engine/budgets/index.ts'
import { claimWake } from '../../engine/wakes/index.ts'

export interface OpenRunRequest {
  readonly issueId?: string | undefined
  /** Seconds; 30 to 3600, by default 300. */
  readonly leaseSeconds?: number | undefined
  readonly externalRunId?: string | undefined
  /** The amount that the run may cost, in cents. */
  readonly reserveCents?: number | undefined
}

export interface OpenedRun {
  readonly run: RunRow
  readonly token: string
  readonly tokenExpiresAt: string
  readonly leaseExpiresAt: string
}

const queuedFor = statement<{ agentId: string; companyId: string; issueId: string | null }, { id: string }>('run_queued_for').read(sql`
  select r.id from ${runs} r where r.agent_id = ${param('agentId')} and r.company_id = ${param('companyId')}
    and r.issue_id is not distinct from ${param('issueId', 'uuid')} and r.status = 'queued' and ${isUnended('r')} and r.lease_expires_at > now()
  order by r.created_at, r.id limit 1`)

const markStarted = statement<{ id: string; leaseSeconds: number; externalRunId: string | null }, RunRow>('run_start_queued').write(sql`
  update ${runs} set status = 'running', started_at = now(), last_seen_at = now(), lease_seconds = ${param('leaseSeconds', 'int')},
    lease_expires_at = now() + make_interval(secs => ${param('leaseSeconds', 'int')}), external_run_id = ${param('externalRunId')}, updated_at = now()
  where id = ${param('id')} and status = 'queued' and ${hasLease()}
  returning ${runColumns}`)

/**
 * (tx) Starts the run that a wake has queued for the requested issue, or a run without an issue when none is requested,
 * so that it is not started again. It is locked together with the acting run, because ids decide the order of locks.
 * Expects the agent's row lock: queued runs of an agent are started only under it.
 * @param queued the run as it was found under that lock
 * @returns null when no such run is queued
 */
async function startQueuedIfAny(tx: Tx, ctx: Ctx, queued: { id: string } | undefined, request: OpenRunRequest): Promise<RunRow | null> {
  if (queued === undefined) return null
  const runIds = [queued.id, actingRunIdOf(ctx.actor)].filter((id) => id !== null)
  await lockRunFacts(tx, companyOf(ctx), runIds)
  await requireActingRun(tx, ctx)
  const { leaseSeconds = LEASE_DEFAULT_S, externalRunId = null } = request
  const [run] = await tx.run(markStarted, { id: queued.id, leaseSeconds, externalRunId })
  if (run === undefined) return null
  unawaited(claimWake(tx, run.id))
  return run
}

/**
 * Opens a run for an agent on another host, with a lease that its heartbeats renew and a token that ends with the run.
 * A queued run for the same issue, or without one as requested, is started instead of a second run.
 *
 * @throws Refusal `not_found` for the agent or issue; `agent_not_invokable`, `budget_exhausted`, `company_not_active`;
 *   `forbidden` for a run that would open another run
 */
export async function openRun(ctx: Ctx, tokens: RunTokens, agentId: string, request: OpenRunRequest): Promise<OpenedRun> {
  if (ctx.actor.kind === 'agent' && ctx.actor.via === 'token')
    refuse('forbidden', { message: 'A run cannot open another run; use the agent API key' })
  const companyId = companyOf(ctx)
  const leaseSeconds = request.leaseSeconds ?? LEASE_DEFAULT_S
  return await mutate(ctx, async (tx) => {
    const issueId = request.issueId ?? null
    const [agent, company, [queued], hasLimits] = await Promise.all([
      lockAgent(tx, companyId, agentId),
      companyById(tx, companyId),
      tx.run(queuedFor, { agentId, companyId, issueId }),
      hasHardLimit(tx, companyId),
    ])
    requireOwnMayWrite(ctx.actor, agent)
    if (!isInvokable(agent.status)) refuse('agent_not_invokable', { details: { status: agent.status, next: 'ask_board' } })
    if (company.status !== 'active') refuse('company_not_active', { details: { next: 'ask_board' } })
    if (request.issueId !== undefined) await issueById(tx, companyId, request.issueId)
    const started = await startQueuedIfAny(tx, ctx, queued, request)
    await requireActingRun(tx, ctx)
    if (started === null) countOpenRun(tx, ctx)
    const externalRunId = request.externalRunId ?? null
    const id = started?.id ?? randomUUID()
    if (hasLimits)
      await requireReservation(tx, {
        companyId,
        agentId,
        runId: id,
        // The spending of the run is of the project of its issue, also before a checkout.
        issueId: request.issueId ?? null,
        requestedCents: request.reserveCents,
        isRequestedByAgent: ctx.actor.kind === 'agent',
      })
    // A key with scopes must not get a token without them.
    const scopes = ctx.actor.kind === 'agent' ? ctx.actor.scopes : null
    // Signed before the row is written: the row and its audit row then go out together, without waiting for the signature.
    const { token, expiresAt } = await tokens.sign({ agentId, companyId, adapterType: agent.adapterType, runId: id, scopes })
    const opening =
      started === null
        ? pipelined(insertOpenRun(tx, { id, companyId, agentId, issueId, externalRunId, leaseSeconds }))
        : Promise.resolve(started)
    const details = { agentId, issueId, externalRunId, leaseSeconds }
    return changed(
      opening.then((run) => ({ run, token, tokenExpiresAt: expiresAt, leaseExpiresAt: run.leaseExpiresAt })),
      runStarted(id, details, { agentId, runId: id }),
    )
  })
}
