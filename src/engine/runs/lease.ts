import { sql } from 'drizzle-orm'
import { agents } from '../../model/agents.ts'
import { runs } from '../../model/runs.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { Store } from '../../platform/db/types.ts'
import { writeUnaudited } from '../../platform/db/unaudited.ts'
import type { Actor } from '../../platform/kernel/actor.ts'

/** Bounds of the lease a run may ask for, in seconds (lock-protocol §3). */
export const LEASE_MIN_S = 30
export const LEASE_MAX_S = 3600
export const LEASE_DEFAULT_S = 300
/** The lease of a run that a server supervises, in seconds. */
export const SUPERVISED_LEASE_S = 30

/** How often this process asks whether a run's lease is due: a third of the shortest lease. */
const CHECK_INTERVAL_MS = (LEASE_MIN_S * 1000) / 3
/** Bounds memory; forgetting a run only means that its lease is asked about once more. */
const MAX_TRACKED_RUNS = 50_000

interface Renewal {
  readonly runId: string
  readonly agentId: string
  readonly companyId: string
}

// Written only in the last two thirds of the lease, so reads stay reads. A dead run is not revived. The agent's
// last-seen mark rides along: it has no other writer and decides nothing. It is skipped while the agent is locked: to wait
// for it with the run in hand would be the wrong way round for whoever pauses the agent and then ends the run.
const renewLease = statement<Renewal, { id: string }>('lease_renew').unaudited(sql`
  with renewed as (
    update ${runs} set lease_expires_at = clock_timestamp() + make_interval(secs => lease_seconds), last_seen_at = clock_timestamp()
    where id = ${param('runId')} and agent_id = ${param('agentId')} and company_id = ${param('companyId')}
      and status in ('queued', 'running') and lease_expires_at > clock_timestamp()
      and lease_expires_at < clock_timestamp() + make_interval(secs => lease_seconds * 2 / 3.0)
    returning id, agent_id)
  update ${agents} a set last_heartbeat_at = clock_timestamp() where a.id = (
    select id from ${agents} where id = (select agent_id from renewed) for no key update skip locked) returning a.id`)

/** Renews the lease of the run a request names, when it is due. */
export interface LeaseKeeper {
  /** Resolves when the renewal, if one was due, is written. Never refuses: judging the run is for the verb. */
  readonly keepAlive: (actor: Actor) => Promise<void>
}

export function createLeaseKeeper(store: Store): LeaseKeeper {
  // When to ask next, by run. A monotonic clock that decides nothing: the statement asks the database's.
  const nextCheckAt = new Map<string, number>()
  return {
    keepAlive: async (actor) => {
      if (actor.kind !== 'agent' || actor.runId === null) return
      const now = performance.now()
      if ((nextCheckAt.get(actor.runId) ?? 0) > now) return
      if (nextCheckAt.size >= MAX_TRACKED_RUNS) nextCheckAt.clear()
      nextCheckAt.set(actor.runId, now + CHECK_INTERVAL_MS)
      await writeUnaudited(store, renewLease, { runId: actor.runId, agentId: actor.agentId, companyId: actor.companyId })
    },
  }
}
