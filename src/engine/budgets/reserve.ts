// The cost of a run is set aside before it begins, so that many that begin at once cannot spend the same money (I11).

import { sql } from 'drizzle-orm'
import { budgetReservations, budgetStates, limitOf } from '../../model/budgets.ts'
import { DEFAULT_RESERVE_CENTS } from '../../model/budgetStatus.ts'
import { centsOf, microcentsOf } from '../../model/money.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { Tx } from '../../platform/db/types.ts'
import { Refusal } from '../../platform/kernel/errors.ts'
import { lockForReserve } from './facts.ts'
import type { StartFact } from './facts.ts'

/** A run that begins, or takes an issue. */
export interface RunToReserve {
  readonly companyId: string
  readonly agentId: string
  readonly runId: string
  /** The issue that it takes; null for none. The limit of its project counts from then on. */
  readonly issueId: string | null
  /** The amount that the run may cost by the request, in cents. */
  readonly requestedCents?: number | undefined
  /** Whether an agent made the request: it may reserve more than is usual, and never less. */
  readonly isRequestedByAgent?: boolean
}

/**
 * The amount that a run reserves of a policy, in microcents: what its agent's configuration says, or the policy, or what the dearest of its last
 * runs cost, or a fixed amount. A mere guess is never more than the whole limit, so that a small limit lets one run begin. Never 0.
 */
function amountToReserve(fact: StartFact, request: Pick<RunToReserve, 'requestedCents' | 'isRequestedByAgent'>): number {
  const configured = fact.agentReserveCents ?? fact.reserveCents
  const guessed = Math.min(fact.usualCost > 0 ? fact.usualCost : microcentsOf(DEFAULT_RESERVE_CENTS), limitOf(fact))
  const usual = Math.max(1, configured === null || configured === 0 ? guessed : microcentsOf(configured))
  if (request.requestedCents === undefined) return usual
  const requested = Math.max(1, microcentsOf(request.requestedCents))
  return request.isRequestedByAgent === true ? Math.max(usual, requested) : requested
}

/** The refusal of a run for which too little of a limit is left. It says whether waiting helps. */
function refusalOf(fact: StartFact, needed: number): Refusal {
  const isUsedUp = fact.spent >= limitOf(fact)
  const retryAfter = isUsedUp ? {} : { retryAfter: 30 }
  return new Refusal('budget_exhausted', {
    ...retryAfter,
    details: {
      policyId: fact.id,
      scopeType: fact.scopeType,
      scopeId: fact.scopeId,
      windowKind: fact.windowKind,
      limitCents: fact.amount,
      spentCents: centsOf(fact.spent),
      reservedCents: centsOf(fact.reserved),
      leftCents: Math.max(0, Math.floor((limitOf(fact) - fact.spent - fact.reserved) / 1_000_000)),
      neededCents: Math.ceil(needed / 1_000_000),
      windowEndsAt: fact.windowEnd,
      retryable: !isUsedUp,
      // The part that other runs have reserved and do not spend is given back when they end.
      next: isUsedUp ? 'ask_board' : 'wait',
    },
  })
}

const insertReservations = statement<
  { runId: string; companyId: string; policyIds: string[]; starts: string[]; amounts: number[] },
  { id: string }
>('budget_reserve').write(sql`
  with taken (policy_id, window_start, amount) as (
    select * from unnest(${param('policyIds', 'uuid[]')}, ${param('starts', 'timestamptz[]')}, ${param('amounts', 'bigint[]')})),
  kept as (insert into ${budgetReservations} (run_id, policy_id, window_start, company_id, remaining)
    select ${param('runId', 'uuid')}, policy_id, window_start, ${param('companyId', 'uuid')}, amount from taken)
  insert into ${budgetStates} as bw (policy_id, window_start, company_id, reserved)
  select policy_id, window_start, ${param('companyId', 'uuid')}, amount from taken
  on conflict (policy_id, window_start) do update set reserved = bw.reserved + excluded.reserved
  returning policy_id as id`)

/**
 * (tx) Reserves for a run of every hard limit above it of which it has reserved nothing yet. It takes the last locks of the transaction
 * (LOCK_PROTOCOL §8): call it when everything else is decided and locked.
 * @returns the refusal when one of the limits has too little left; then nothing is reserved
 */
export async function reserve(tx: Tx, run: RunToReserve): Promise<Refusal | null> {
  const { companyId, agentId, runId, issueId } = run
  const facts = await lockForReserve(tx, { companyId, agentId, runId, issueId })
  if (facts.length === 0) return null
  const amounts = facts.map((fact) => amountToReserve(fact, run))
  for (const [at, fact] of facts.entries()) {
    const amount = amounts[at] ?? 0
    if (fact.spent + fact.reserved + amount > limitOf(fact)) return refusalOf(fact, amount)
  }
  await tx.run(insertReservations, {
    runId,
    companyId,
    policyIds: facts.map(({ id }) => id),
    starts: facts.map(({ windowStart }) => windowStart),
    amounts,
  })
  return null
}

/** As `reserve`. @throws Refusal `budget_exhausted` */
export async function requireReservation(tx: Tx, run: RunToReserve): Promise<void> {
  const refusal = await reserve(tx, run)
  if (refusal !== null) throw refusal
}
