// The hard limits above a spender, locked, with what is spent and reserved of each.

import { sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import { agents } from '../../model/agents.ts'
import { budgetIncidents, budgetPolicies, budgetReservations, budgetStates, exhaustedLimits, hasHardLimitSql } from '../../model/budgets.ts'
import { windowEndSql, windowStartSql } from '../../model/budgetStatus.ts'
import type { BudgetScope, BudgetWindowKind } from '../../model/budgetStatus.ts'
import { runCosts } from '../../model/costs.ts'
import { issues } from '../../model/issues.ts'
import { recordLocked } from '../../platform/db/locks.ts'
import { isoJson, param, statement } from '../../platform/db/statement.ts'
import type { ReadDb, Tx } from '../../platform/db/types.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import type { Instant } from '../../platform/kernel/time.ts'

/** A policy with one of its windows. Amounts in cents have `Cents` or `amount` in their name; the others are microcents. */
export interface PolicyFact {
  readonly id: string
  readonly scopeType: BudgetScope
  readonly scopeId: string
  readonly windowKind: BudgetWindowKind
  readonly windowStart: Instant
  /** Null for a lifetime. */
  readonly windowEnd: Instant | null
  readonly amount: number
  readonly warnPercent: number
  readonly notifyEnabled: boolean
  readonly revision: number
  readonly spent: number
  readonly reserved: number
}

/** The columns of a `PolicyFact` from a row `bp` of policies and `bw` of the window that begins then. */
const factColumns = (start: SQL): SQL => sql`bp.id, bp.scope_type as "scopeType", bp.scope_id as "scopeId", bp.window_kind as "windowKind",
  ${start} as "windowStart", ${windowEndSql(sql`bp.window_kind`, start)} as "windowEnd", bp.amount, bp.warn_percent as "warnPercent",
  bp.notify_enabled as "notifyEnabled", bp.revision, coalesce(bw.spent, 0) as spent, coalesce(bw.reserved, 0) as reserved`

const isHard = sql`bp.is_active and bp.hard_stop_enabled`

/** Whether a policy `bp` is above a spender: that of its company, its agent or its project. */
const isAbove = (projectId: SQL): SQL => sql`(bp.company_id = ${param('companyId', 'uuid')} and (
  bp.scope_type = 'company' or (bp.scope_type = 'agent' and bp.scope_id = ${param('agentId', 'uuid')})
  or (bp.scope_type = 'project' and bp.scope_id = ${projectId})))`

export interface Spender {
  readonly companyId: string
  readonly agentId: string
}

interface Starting extends Spender {
  readonly runId: string
  /** The issue that the run is to take; its project counts. */
  readonly issueId: string | null
}

const projectOfIssue = sql`(select i.project_id from ${issues} i where i.id = ${param('issueId', 'uuid')})`
const isUnreserved = sql`not exists (select 1 from ${budgetReservations} br where br.policy_id = bp.id and br.run_id = ${param('runId', 'uuid')})`

const lockForStart = statement<Starting, { id: string }>('budget_lock_start').read(sql`
  select bp.id from ${budgetPolicies} bp where ${isHard} and ${isAbove(projectOfIssue)} and ${isUnreserved} order by bp.id for no key update`)

/** A policy of which a run is to reserve a part. */
export interface StartFact extends PolicyFact {
  /** The amount that a run reserves by the policy, in cents. */
  readonly reserveCents: number | null
  /** The amount by the configuration of the agent, in cents. */
  readonly agentReserveCents: number | null
  /** The 95th percentile of the agent's last 20 runs that reported something; 0 for none. */
  readonly usualCost: number
}

const now = sql`now()`
const currentStart = windowStartSql(sql`bp.window_kind`, now)

// Twenty runs have at most forty rows: one for each class of billing.
const usualCost = sql`coalesce((select percentile_disc(0.95) within group (order by spent) from (
  select sum(l.microcents) as spent from (select rc.run_id, rc.microcents, rc.created_at from ${runCosts} rc
    where rc.agent_id = ${param('agentId', 'uuid')} order by rc.created_at desc limit 40) l
  group by l.run_id order by max(l.created_at) desc limit 20) per_run), 0)::bigint`

const factsForStart = statement<Starting, StartFact>('budget_facts_start').read(sql`
  select ${factColumns(currentStart)}, bp.reserve_cents as "reserveCents",
    case when jsonb_typeof(a.runtime_config #> '{budget,reserveCents}') = 'number'
      then least(greatest((a.runtime_config #>> '{budget,reserveCents}')::numeric, 0), 1e9)::int end as "agentReserveCents",
    ${usualCost} as "usualCost"
  from ${budgetPolicies} bp left join ${agents} a on a.id = ${param('agentId', 'uuid')}
  left join ${budgetStates} bw on bw.policy_id = bp.id and bw.window_start = ${currentStart}
  where ${isHard} and ${isAbove(projectOfIssue)} and ${isUnreserved} order by bp.id`)

/** Locks policies and reads their facts behind the locks, in one round trip: the second statement takes its snapshot when the locks are held. */
async function behindLocks<F extends { readonly id: string }>(
  tx: Tx,
  locking: Promise<{ id: string }[]>,
  reading: Promise<F[]>,
): Promise<F[]> {
  const [locked, facts] = await Promise.all([locking, reading])
  const ids = locked.map(({ id }) => id)
  recordLocked(tx.locks, 'budget', ids)
  // A policy that began between the two statements applies to what begins behind it.
  return facts.filter(({ id }) => ids.includes(id))
}

/** (tx) Locks the hard limits above a run that reserves nothing of them yet, and reads them. */
export const lockForReserve = (tx: Tx, starting: Starting): Promise<StartFact[]> =>
  behindLocks(tx, tx.run(lockForStart, starting), tx.run(factsForStart, starting))

/** A cost event, as far as it decides which windows it adds to. */
export interface Spending extends Spender {
  readonly runId: string | null
  readonly projectId: string | null
  readonly occurredAt: Instant
}

const spendingStart = windowStartSql(sql`bp.window_kind`, param('occurredAt', 'timestamptz'))
// A window that has ended stops nothing, and its figures are those of the rollups.
const isCharged = sql`${isHard} and ${isAbove(param('projectId', 'uuid'))} and ${spendingStart} >= ${currentStart}`

// With the policies of which the run has reserved a part: the transaction may end the run, and gives that back behind the charge.
const lockForCharges = statement<Spending, { id: string }>('budget_lock_charge').read(sql`
  select bp.id from ${budgetPolicies} bp where (${isCharged})
    or bp.id in (select br.policy_id from ${budgetReservations} br where br.run_id = ${param('runId', 'uuid')})
  order by bp.id for no key update`)

/** A policy to whose window a cost event adds. */
export interface ChargeFact extends PolicyFact {
  /** The part of this window that the run has still reserved. */
  readonly remaining: number
  /** Whether the window is the present one. One that is still to come stops and warns of nothing before it begins. */
  readonly isPresent: boolean
  readonly hasSoftIncident: boolean
  readonly hasHardIncident: boolean
}

/** A policy with its present window, as it is compared with its thresholds. */
export type CrossingFact = Omit<ChargeFact, 'remaining' | 'isPresent'>

const hasIncident = (threshold: 'soft' | 'hard', start: SQL): SQL => sql`exists (select 1 from ${budgetIncidents} bi
  where bi.policy_id = bp.id and bi.window_start = ${start} and bi.threshold_type = ${sql.raw(`'${threshold}'`)} and bi.policy_revision = bp.revision)`

const factsForCharge = statement<Spending, ChargeFact>('budget_facts_charge').read(sql`
  select ${factColumns(spendingStart)}, ${spendingStart} = ${currentStart} as "isPresent", ${hasIncident('soft', spendingStart)} as "hasSoftIncident", ${hasIncident('hard', spendingStart)} as "hasHardIncident",
    coalesce((select br.remaining from ${budgetReservations} br where br.policy_id = bp.id and br.run_id = ${param('runId', 'uuid')}
      and br.window_start = ${spendingStart}), 0) as remaining
  from ${budgetPolicies} bp left join ${budgetStates} bw on bw.policy_id = bp.id and bw.window_start = ${spendingStart}
  where ${isCharged} order by bp.id`)

/** (tx) Locks the hard limits that a cost event adds to, and reads them. Expects the event's row to be written before. */
export const lockForCharge = (tx: Tx, spending: Spending): Promise<ChargeFact[]> =>
  behindLocks(tx, tx.run(lockForCharges, spending), tx.run(factsForCharge, spending))

const lockChanged = statement<{ policyId: string }, { id: string }>('budget_lock_policy').read(
  sql`select bp.id from ${budgetPolicies} bp where bp.id = ${param('policyId', 'uuid')} for no key update`,
)
const factsOfPolicy = statement<{ policyId: string }, CrossingFact>('budget_facts_policy').read(sql`
  select ${factColumns(currentStart)}, ${hasIncident('soft', currentStart)} as "hasSoftIncident", ${hasIncident('hard', currentStart)} as "hasHardIncident"
  from ${budgetPolicies} bp left join ${budgetStates} bw on bw.policy_id = bp.id and bw.window_start = ${currentStart}
  where bp.id = ${param('policyId', 'uuid')} and ${isHard}`)

/** (tx) Locks a policy with a hard limit, and reads its present window. @returns undefined for one without a hard limit that is active */
export async function lockPolicy(tx: Tx, policyId: string): Promise<CrossingFact | undefined> {
  const [fact] = await behindLocks(tx, tx.run(lockChanged, { policyId }), tx.run(factsOfPolicy, { policyId }))
  return fact
}

/** The limit that stops an agent, as a refusal and `why` show it: a SQL expression of one JSON object, or null. @param alias of `agents` */
export const exhaustedLimitJson = (alias: string, projectId?: SQL): SQL =>
  sql`(select json_build_object('policyId', bp.id, 'scopeType', bp.scope_type, 'scopeId', bp.scope_id, 'windowKind', bp.window_kind,
      'limitCents', bp.amount, 'leftCents', 0, 'windowEndsAt', ${isoJson(windowEndSql(sql`bp.window_kind`, currentStart))})
    ${exhaustedLimits(alias, projectId)} order by bp.id limit 1)`

const selectHardLimit = statement<{ companyId: string }, { exists: boolean }>('budget_has_limit').read(
  sql`select ${hasHardLimitSql(param('companyId', 'uuid'))} as exists`,
)

/** Whether a company has a hard limit at all. */
export const hasHardLimit = async (db: Pick<ReadDb, 'run'>, companyId: string): Promise<boolean> =>
  exactlyOne(await db.run(selectHardLimit, { companyId })).exists

const selectLimits = statement<Spender, { exists: boolean }>('budget_has_limits').read(sql`
  select exists (select 1 from ${budgetPolicies} bp where bp.company_id = ${param('companyId', 'uuid')} and bp.is_active
    and (bp.hard_stop_enabled or bp.notify_enabled) and (bp.scope_type <> 'agent' or bp.scope_id = ${param('agentId', 'uuid')})) as exists`)

/**
 * (tx) Whether a limit may be above what an agent spends: one of its company, of itself, or of any project. Behind `joinCostWriters` no hard limit begins
 * until the commit, so where there is none an event is written without a look at limits.
 */
export const hasLimits = async (tx: Tx, spender: Spender): Promise<boolean> => exactlyOne(await tx.run(selectLimits, spender)).exists

const selectExhausted = statement<Spender, { limit: Readonly<Record<string, unknown>> | null }>('budget_exhausted').read(sql`
  select ${exhaustedLimitJson('a')} as "limit" from ${agents} a where a.id = ${param('agentId', 'uuid')} and a.company_id = ${param('companyId', 'uuid')}`)

/** The limit above an agent that is used up, as a refusal shows it; null where there is none. Read without a lock: `reserve` decides. */
export async function exhaustedLimit(db: Pick<ReadDb, 'run'>, spender: Spender): Promise<Readonly<Record<string, unknown>> | null> {
  const [row] = await db.run(selectExhausted, spender)
  return row?.limit ?? null
}
