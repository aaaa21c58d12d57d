import { sql } from 'drizzle-orm'
import { agents } from '../db/schema/agents.ts'
import { wakeSkips } from '../db/schema/wakes.ts'
import { param, statement } from '../db/statement.ts'
import type { Store } from '../db/store.ts'
import { note } from '../db/telemetry.ts'

/** Why a wake was turned down before it became one. */
const skipReasons = ['timer_off', 'wake_on_demand_off', 'over_budget', 'agent_not_invokable', 'loop_bound'] as const
type WhySkipped = (typeof skipReasons)[number]

/** Agents whose skips are counted at once; beyond it a count may be lost, but no memory is. */
const MOST_COUNTED = 10_000

interface Tally {
  /** What is yet to be written, by agent and reason. */
  unwritten: Map<string, { agentId: string; reason: WhySkipped; count: number }>
  /** Since this process began. */
  readonly totals: Map<WhySkipped, number>
}

const tallies = new WeakMap<Store, Tally>()

function tallyOf(store: Store): Tally {
  const known = tallies.get(store)
  if (known !== undefined) return known
  const tally: Tally = { unwritten: new Map(), totals: new Map(skipReasons.map((reason) => [reason, 0])) }
  tallies.set(store, tally)
  return tally
}

/**
 * Counts a wake that was turned down. In memory, because whoever is turned down may hold locks, and a row that counts
 * would be one more to wait for: it is telemetry, and a crash loses what was counted since the last `flushSkips`.
 */
export function countSkip(store: Store, agentId: string, reason: WhySkipped): void {
  const { unwritten, totals } = tallyOf(store)
  totals.set(reason, (totals.get(reason) ?? 0) + 1)
  const key = `${agentId} ${reason}`
  const counted = unwritten.get(key)
  if (counted !== undefined) counted.count += 1
  else if (unwritten.size < MOST_COUNTED) unwritten.set(key, { agentId, reason, count: 1 })
}

/** How many wakes this process has turned down since it began, by reason. */
export const skipTotals = (store: Store): ReadonlyMap<string, number> => tallyOf(store).totals

// An agent that is being deleted is passed: nobody will ask for its counts.
const add = statement<{ agentIds: string[]; reasons: string[]; counts: number[] }, { agentId: string }>('wake_skips_add').telemetry(sql`
  with counted as (
    select * from unnest(${param('agentIds', 'uuid[]')}, ${param('reasons', 'text[]')}, ${param('counts', 'int[]')}) as t (agent_id, reason, count)),
  known as (
    select a.id from ${agents} a where a.id in (select agent_id from counted) order by a.id for key share skip locked)
  insert into ${wakeSkips} as s (agent_id, reason, count)
  select c.agent_id, c.reason, c.count from counted c join known on known.id = c.agent_id order by c.agent_id, c.reason
  on conflict (agent_id, reason) do update set count = s.count + excluded.count, last_at = now()
  returning agent_id as "agentId"`)

/** Writes what has been counted since the last time; asks nothing of the database when that is nothing. */
export async function flushSkips(store: Store): Promise<void> {
  const tally = tallyOf(store)
  if (tally.unwritten.size === 0) return
  const counted = [...tally.unwritten.values()]
  tally.unwritten = new Map()
  await note(store, add, {
    agentIds: counted.map((each) => each.agentId),
    reasons: counted.map((each) => each.reason),
    counts: counted.map((each) => each.count),
  })
}
