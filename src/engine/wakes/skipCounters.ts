import { sql } from 'drizzle-orm'
import { agents } from '../../model/agents.ts'
import { wakeSkips } from '../../model/wakes.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { Store } from '../../platform/db/types.ts'
import { writeUnaudited } from '../../platform/db/unaudited.ts'

/** Why a request for a run led to no wake. */
const skipReasons = ['timer_off', 'wake_on_demand_off', 'over_budget', 'agent_not_invokable', 'loop_bound'] as const
type SkipReason = (typeof skipReasons)[number]

/** Pairs of agent and reason that are counted between two writes. Beyond it counts are lost; it bounds memory. */
const MAX_COUNTED = 10_000

interface SkipCounts {
  /** Counts that are not written yet, by agent and reason. */
  unwritten: Map<string, { agentId: string; reason: SkipReason; count: number }>
  /** Counts since this process started, by reason. */
  readonly totals: Map<SkipReason, number>
}

const countsByStore = new WeakMap<Store['counts'], SkipCounts>()

function countsOf(store: Store): SkipCounts {
  const existing = countsByStore.get(store.counts)
  if (existing !== undefined) return existing
  const counts: SkipCounts = { unwritten: new Map(), totals: new Map(skipReasons.map((reason) => [reason, 0])) }
  countsByStore.set(store.counts, counts)
  return counts
}

/**
 * Counts a request that led to no wake. In memory, because the caller may hold locks, and a counting row would be one more
 * row to wait for. It is telemetry: a crash loses the counts since the last `flushSkips`.
 */
export function countSkip(store: Store, agentId: string, reason: SkipReason): void {
  const { unwritten, totals } = countsOf(store)
  totals.set(reason, (totals.get(reason) ?? 0) + 1)
  const key = `${agentId} ${reason}`
  const counted = unwritten.get(key)
  if (counted !== undefined) counted.count += 1
  else if (unwritten.size < MAX_COUNTED) unwritten.set(key, { agentId, reason, count: 1 })
}

/** How many requests led to no wake since this process started, by reason. */
export const skipTotals = (store: Store): ReadonlyMap<string, number> => countsOf(store).totals

// An agent that is being deleted is skipped: its counts are deleted with it.
const addCounts = statement<{ agentIds: string[]; reasons: string[]; counts: number[] }, { agentId: string }>('wake_skips_add')
  .unaudited(sql`
  with counted as (
    select * from unnest(${param('agentIds', 'uuid[]')}, ${param('reasons', 'text[]')}, ${param('counts', 'int[]')}) as t (agent_id, reason, count)),
  present as (
    select a.id from ${agents} a where a.id in (select agent_id from counted) order by a.id for key share skip locked)
  insert into ${wakeSkips} as s (agent_id, reason, count)
  select c.agent_id, c.reason, c.count from counted c join present on present.id = c.agent_id order by c.agent_id, c.reason
  on conflict (agent_id, reason) do update set count = s.count + excluded.count, last_at = now()
  returning agent_id as "agentId"`)

/** Writes the counts since the last call. Without any it sends no statement. */
export async function flushSkips(store: Store): Promise<void> {
  const counts = countsOf(store)
  if (counts.unwritten.size === 0) return
  const counted = [...counts.unwritten.values()]
  counts.unwritten = new Map()
  await writeUnaudited(store, addCounts, {
    agentIds: counted.map((each) => each.agentId),
    reasons: counted.map((each) => each.reason),
    counts: counted.map((each) => each.count),
  })
}
