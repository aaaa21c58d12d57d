import { sql } from 'drizzle-orm'
import { agents } from '../../model/agents.ts'
import { isLive, runs } from '../../model/runs.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { Store } from '../../platform/db/types.ts'
import { writeUnaudited } from '../../platform/db/unaudited.ts'
import type { Actor } from '../../platform/kernel/actor.ts'
import { createBoundedCache } from '../../platform/kernel/boundedCache.ts'
import type { Instant } from '../../platform/kernel/time.ts'

/** Bounds of the lease that a run may ask for, in seconds (LOCK_PROTOCOL §3). */
export const LEASE_MIN_S = 30
export const LEASE_MAX_S = 3600
export const LEASE_DEFAULT_S = 300
/** The lease of a run that a server supervises, in seconds. */
export const SUPERVISED_LEASE_S = 30

/** How often this process checks whether a run's lease is due: a third of the shortest lease. */
const CHECK_INTERVAL_MS = (LEASE_MIN_S * 1000) / 3
/** Bounds memory. A forgotten run only has its lease checked once more. */
const MAX_TRACKED_RUNS = 50_000

/** SQL of a renewal: the assignments of an `update` of live runs. */
export const leaseRenewal = sql`lease_expires_at = clock_timestamp() + make_interval(secs => lease_seconds), last_seen_at = clock_timestamp()`

interface LeaseRef {
  readonly runId: string
  readonly agentId: string
  readonly companyId: string
}

// A dead run is not revived. The agent's last-seen mark is written with it; it is telemetry and decides nothing. It is skipped
// while the agent is locked: waiting for the agent with the run locked would break the order of locks against a pause, which
// locks the agent and then its runs.
const renewLeaseOf = statement<LeaseRef & { onlyIfDue: boolean }, { leaseExpiresAt: Instant }>('lease_renew').unaudited(sql`
  with renewed as (
    update ${runs} set ${leaseRenewal}
    where id = ${param('runId')} and agent_id = ${param('agentId')} and company_id = ${param('companyId')} and ${isLive()}
      and (not ${param('onlyIfDue', 'boolean')} or lease_expires_at < clock_timestamp() + make_interval(secs => lease_seconds * 2 / 3.0))
    returning agent_id, lease_expires_at),
  seen as (update ${agents} a set last_heartbeat_at = clock_timestamp() where a.id = (
    select id from ${agents} where id = (select agent_id from renewed) for no key update skip locked))
  select lease_expires_at as "leaseExpiresAt" from renewed`)

/**
 * Renews the lease of a live run of the agent.
 * @param when `if_due` writes only in the last two thirds of the lease, so that most reads stay reads
 * @returns the new end of the lease; null where nothing was renewed
 */
export async function renewLease(store: Store, ref: LeaseRef, when: 'always' | 'if_due'): Promise<Instant | null> {
  const [renewed] = await writeUnaudited(store, renewLeaseOf, { ...ref, onlyIfDue: when === 'if_due' })
  return renewed?.leaseExpiresAt ?? null
}

/** Renews the lease of the run that a request names, when it is due. */
export interface LeaseKeeper {
  /** Resolves when the renewal, if one was due, is written. Never refuses: the verb checks the run. */
  readonly keepAlive: (actor: Actor) => Promise<void>
}

/** @param monotonicMs a clock that never goes back, in milliseconds */
export function createLeaseKeeper(store: Store, monotonicMs: () => number = () => performance.now()): LeaseKeeper {
  // The time of the next check, by run. It is of a monotonic clock and decides nothing: the statement uses the database's.
  const nextCheckAt = createBoundedCache<string, number>(MAX_TRACKED_RUNS)
  return {
    keepAlive: async (actor) => {
      if (actor.kind !== 'agent' || actor.runId === null) return
      const now = monotonicMs()
      if ((nextCheckAt.get(actor.runId) ?? 0) > now) return
      nextCheckAt.set(actor.runId, now + CHECK_INTERVAL_MS)
      await renewLease(store, { runId: actor.runId, agentId: actor.agentId, companyId: actor.companyId }, 'if_due')
    },
  }
}
