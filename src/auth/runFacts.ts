import { sql } from 'drizzle-orm'
import type { Ctx, Tx } from '../platform/db/types.ts'
import { companyOf } from '../platform/db/context.ts'
import { lockingRead } from '../platform/db/locks.ts'
import { agents } from '../model/agents.ts'
import { runs } from '../model/runs.ts'
import { isoJson, param, statement } from '../platform/db/statement.ts'
import { refuse } from '../platform/kernel/errors.ts'
import type { Instant } from '../platform/kernel/time.ts'
import type { RunStatus } from '../model/runStatus.ts'

/** What a decision may know of a run, read under the run's row lock. */
export interface RunFact {
  readonly id: string
  readonly agentId: string
  readonly agentName: string
  readonly status: RunStatus
  /** Queued or running, and its lease has not run out on the database's clock (lock-protocol §2). */
  readonly live: boolean
  readonly leaseExpiresAt: Instant
  /** Whole seconds until the lease runs out, at least 0. */
  readonly leaseSecondsLeft: number
  readonly lastSeenAt: Instant | null
}

/**
 * `live` in SQL. `clock_timestamp()`, because `now()` is the start of the transaction: one that waited for a row lock
 * would take a run for live whose lease ran out meanwhile.
 */
export const isLive = sql`(r.status in ('queued', 'running') and r.lease_expires_at > clock_timestamp())`

/** The JSON of a RunFact from a row `r` of runs and `ra` of agents. */
export const runFactJson = sql`json_build_object(
  'id', r.id, 'agentId', r.agent_id, 'agentName', ra.name, 'status', r.status, 'live', ${isLive},
  'leaseExpiresAt', ${isoJson(sql`r.lease_expires_at`)}, 'lastSeenAt', ${isoJson(sql`r.last_seen_at`)},
  'leaseSecondsLeft', greatest(0, ceil(extract(epoch from r.lease_expires_at - clock_timestamp())))::int)`

// Whether a run is live is computed outside the locking query: inside it, a row that was only waited for would be judged
// by the clock from before the wait.
const lockRuns = lockingRead(
  'run',
  statement<{ ids: string[]; companyId: string }, RunFact & { id: string }>('lock_runs').read(sql`
    with r as materialized (
      select id, agent_id, status, lease_expires_at, last_seen_at from ${runs}
      where id = any(${param('ids', 'uuid[]')}) and company_id = ${param('companyId')}
      order by id for no key update)
    select r.id, r.agent_id as "agentId", r.status, ${isLive} as live, r.lease_expires_at as "leaseExpiresAt",
      r.last_seen_at as "lastSeenAt", coalesce((select name from ${agents} a where a.id = r.agent_id), '') as "agentName",
      greatest(0, ceil(extract(epoch from r.lease_expires_at - clock_timestamp())))::int as "leaseSecondsLeft"
    from r`),
)

/** Locks runs of a company by ascending id and returns what is there. */
export const lockRunFacts = (tx: Tx, companyId: string, ids: readonly string[]): Promise<RunFact[]> =>
  lockRuns(tx, { ids: [...ids], companyId })

/**
 * Judges the acting run from facts read under its lock (lock-protocol §4), and lets the mutation commit.
 * @param fact the acting run's row, or undefined when there is none in the actor's company
 * @throws Refusal `run_unknown`; `run_ended`, or 401 for a token, whose run is what it stands for
 */
export function assertRunLive(tx: Tx, ctx: Ctx, fact: RunFact | undefined): void {
  const { actor } = ctx
  if (actor.kind !== 'agent' || actor.runId === null) return
  if (fact === undefined || fact.agentId !== actor.agentId) {
    if (actor.via === 'token') refuse('unauthorized')
    return refuse('run_unknown')
  }
  if (!fact.live) {
    if (actor.via === 'token') refuse('unauthorized')
    refuse('run_ended', {
      details: { actorAgentId: actor.agentId, actorRunId: actor.runId, runStatus: fact.status, retryable: false, next: 'new_run' },
    })
  }
  tx.actingRunVerified = true
}

/**
 * Judges the acting run of a write that no hold gates. Call it after every lock of company, agent and issue, so that
 * the run is locked in its place in the order.
 * @throws Refusal as `judge`
 */
export async function requireActingRun(tx: Tx, ctx: Ctx): Promise<void> {
  const { actor } = ctx
  if (actor.kind !== 'agent' || actor.runId === null || tx.actingRunVerified) return
  const [fact] = await lockRunFacts(tx, companyOf(ctx), [actor.runId])
  assertRunLive(tx, ctx, fact)
}
