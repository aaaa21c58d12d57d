// A cost event adds to the windows of the hard limits above it, and is checked against their thresholds in the same transaction.

import { sql } from 'drizzle-orm'
import { budgetReservations, budgetStates, costWritersKey } from '../../model/budgets.ts'
import { unawaited } from '../../platform/db/mutate.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { Tx } from '../../platform/db/types.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import { crossByEvent, crossedSoftPolicies, warn } from './crossings.ts'
import { lockForCharge } from './facts.ts'
import type { ChargeFact, PolicyFact, Spending } from './facts.ts'

const shareWriters = statement<{ companyId: string }, object>('budget_share_writers').read(
  sql`select pg_advisory_xact_lock_shared(${costWritersKey(param('companyId', 'text'))})`,
)

/**
 * (tx) Lets no hard limit begin in the company until the commit. Each cost event is written behind this lock, so a limit that begins counts
 * it in its first sum, or the event adds to its window, and never both or neither (see the trigger `begin_budget_windows`).
 */
export const joinCostWriters = async (tx: Tx, companyId: string): Promise<void> => void (await tx.run(shareWriters, { companyId }))

const excludeWriters = statement<{ companyId: string }, object>('budget_exclude_writers').read(
  sql`select pg_advisory_xact_lock(${costWritersKey(param('companyId', 'text'))})`,
)

/** (tx) Waits for the cost events that are being written. A change of a policy calls it before it locks or changes the row of the policy. */
export const awaitCostWriters = async (tx: Tx, companyId: string): Promise<void> => void (await tx.run(excludeWriters, { companyId }))

const addSpending = statement<
  { companyId: string; runId: string | null; policyIds: string[]; starts: string[]; spent: number; used: number[] },
  { id: string }
>('budget_charge').write(sql`
  with charged (policy_id, window_start, used) as (
    select * from unnest(${param('policyIds', 'uuid[]')}, ${param('starts', 'timestamptz[]')}, ${param('used', 'bigint[]')})),
  reduced as (update ${budgetReservations} br set remaining = br.remaining - charged.used from charged
    where br.run_id = ${param('runId', 'uuid')} and br.policy_id = charged.policy_id and charged.used > 0)
  insert into ${budgetStates} as bw (policy_id, window_start, company_id, spent)
  select policy_id, window_start, ${param('companyId', 'uuid')}, ${param('spent', 'bigint')} from charged
  on conflict (policy_id, window_start) do update set spent = bw.spent + excluded.spent, reserved = bw.reserved - (
    select c.used from charged c where c.policy_id = bw.policy_id)
  returning policy_id as id`)

/** The facts that an event is charged by: the limits above it, locked, and those that only warn and that it crosses. */
interface ChargeFacts {
  readonly hard: readonly ChargeFact[]
  readonly soft: readonly PolicyFact[]
}

/**
 * (tx) Locks and reads what an event is charged by, in one round trip. Send it behind the event's insert, which is behind `joinCostWriters`. It takes the
 * last locks of the transaction.
 */
export async function readForCharge(tx: Tx, spending: Spending): Promise<ChargeFacts> {
  const [hard, soft] = await Promise.all([lockForCharge(tx, spending), crossedSoftPolicies(tx, spending)])
  return { hard, soft }
}

/**
 * (tx) Adds an event to the windows of every hard limit above it, uses up what its run has reserved, and records each threshold that it crosses in the
 * present, with the order to stop.
 * @param facts what `readForCharge` returned for the event, in this transaction
 * @param microcents negative for a correction
 */
export async function charge(tx: Tx, spending: Spending, microcents: number, { hard: facts, soft }: ChargeFacts): Promise<DomainEvent[]> {
  const { companyId, runId } = spending
  const events = await warn(tx, companyId, soft)
  if (facts.length === 0) return events
  unawaited(
    tx.run(addSpending, {
      companyId,
      runId,
      policyIds: facts.map(({ id }) => id),
      starts: facts.map(({ windowStart }) => windowStart),
      spent: microcents,
      used: facts.map(({ remaining }) => Math.max(0, Math.min(remaining, microcents))),
    }),
  )
  // An event that is dated into a later window crosses its limit when that window begins: the task `budgets` looks then.
  for (const fact of facts) if (fact.isPresent) events.push(...(await crossByEvent(tx, companyId, fact, microcents)))
  return events
}
