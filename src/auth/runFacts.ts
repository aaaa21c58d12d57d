// The acting run of a write: its facts, its row lock, and the check that it is live.

import { sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import type { Ctx, Tx } from '../platform/db/types.ts'
import { companyOf } from '../platform/db/context.ts'
import { lockingRead } from '../platform/db/locks.ts'
import { agents } from '../model/agents.ts'
import { companies } from '../model/companies.ts'
import { isLive, runs } from '../model/runs.ts'
import { isoJson, param, statement } from '../platform/db/statement.ts'
import { refuse } from '../platform/kernel/errors.ts'
import type { Instant } from '../platform/kernel/time.ts'
import type { RunStatus } from '../model/runStatus.ts'
import { requireMayWrite } from './mayWrite.ts'
import type { WriteStatus } from './mayWrite.ts'

/** The facts about a run that a decision may use, read under the run's row lock. */
export interface RunFact extends WriteStatus {
  readonly id: string
  readonly agentId: string
  readonly agentName: string
  readonly status: RunStatus
  /** Queued or running, and its lease has not expired by the clock of the database (LOCK_PROTOCOL §2). */
  readonly live: boolean
  readonly leaseExpiresAt: Instant
  /** Whole seconds until the lease expires, at least 0. */
  readonly leaseSecondsLeft: number
  readonly lastSeenAt: Instant | null
}

// A live run is never of an archived company, because its archive ends the runs. So the hot path reads no company.
const companyStatus = (companyId: SQL): SQL =>
  sql`case when ${isLive('r')} then 'active' else coalesce((select c.status from ${companies} c where c.id = ${companyId}), 'active') end`

// A run that a budget stops may still report what it spent and give its work back until it ends; the pause of its agent refuses nothing of it.
const agentStatus = (missing: SQL): SQL =>
  sql`case when ra.status = 'paused' and ra.pause_reason = 'budget' and ${isLive('r')} then 'idle' else ${missing} end`

/** The JSON of a RunFact from a row `r` of runs and `ra` of agents. */
export const runFactJson = sql`json_build_object(
  'id', r.id, 'agentId', r.agent_id, 'agentName', ra.name, 'agentStatus', ${agentStatus(sql`ra.status`)},
  'companyStatus', ${companyStatus(sql`ra.company_id`)}, 'status', r.status, 'live', ${isLive('r')},
  'leaseExpiresAt', ${isoJson(sql`r.lease_expires_at`)}, 'lastSeenAt', ${isoJson(sql`r.last_seen_at`)},
  'leaseSecondsLeft', greatest(0, ceil(extract(epoch from r.lease_expires_at - clock_timestamp())))::int)`

// `live` is computed outside the locking query. Inside it the clock would be read before the wait for a row lock.
const lockRuns = lockingRead(
  'run',
  statement<{ ids: string[]; companyId: string }, RunFact & { id: string }>('lock_runs').read(sql`
    with r as materialized (
      select id, agent_id, status, lease_expires_at, last_seen_at from ${runs}
      where id = any(${param('ids', 'uuid[]')}) and company_id = ${param('companyId')}
      order by id for no key update)
    select r.id, r.agent_id as "agentId", r.status, ${isLive('r')} as live, r.lease_expires_at as "leaseExpiresAt",
      r.last_seen_at as "lastSeenAt", coalesce(ra.name, '') as "agentName",
      ${agentStatus(sql`coalesce(ra.status, 'terminated')`)} as "agentStatus", ${companyStatus(param('companyId', 'uuid'))} as "companyStatus",
      greatest(0, ceil(extract(epoch from r.lease_expires_at - clock_timestamp())))::int as "leaseSecondsLeft"
    from r left join ${agents} ra on ra.id = r.agent_id order by r.id`),
)

/** Locks runs of a company by ascending id and returns the rows that exist. */
export const lockRunFacts = (tx: Tx, companyId: string, ids: readonly string[]): Promise<RunFact[]> =>
  lockRuns(tx, { ids: [...ids], companyId })

/**
 * Checks from facts read under its lock that the acting run belongs to the actor and is live (LOCK_PROTOCOL §4), and
 * marks the transaction as verified. Without an acting run it does nothing.
 * @param fact the acting run's row, or undefined when it does not exist in the actor's company
 * @throws Refusal `run_unknown`, `run_ended`; both are `unauthorized` (401) for a run token, which is only valid with its run;
 *   those of `requireMayWrite`, before `run_ended`, because they are what ended the run
 */
export function assertRunLive(tx: Tx, ctx: Ctx, fact: RunFact | undefined): void {
  const { actor } = ctx
  if (actor.kind !== 'agent' || actor.runId === null) return
  if (fact === undefined || fact.agentId !== actor.agentId) {
    if (actor.via === 'token') refuse('unauthorized')
    return refuse('run_unknown')
  }
  if (actor.via === 'token' && !fact.live) refuse('unauthorized')
  requireMayWrite(fact)
  if (!fact.live) {
    refuse('run_ended', {
      details: { actorAgentId: actor.agentId, actorRunId: actor.runId, runStatus: fact.status, retryable: false, next: 'new_run' },
    })
  }
  tx.actingRunVerified = true
}

/**
 * Checks the acting run of a write that is not gated by a hold. Call it after the locks of company, agent and issue, so
 * that the run is locked in its place in the lock order.
 * @throws Refusal as `assertRunLive`
 */
export async function requireActingRun(tx: Tx, ctx: Ctx): Promise<void> {
  const { actor } = ctx
  if (actor.kind !== 'agent' || actor.runId === null || tx.actingRunVerified) return
  const [fact] = await lockRunFacts(tx, companyOf(ctx), [actor.runId])
  assertRunLive(tx, ctx, fact)
}
