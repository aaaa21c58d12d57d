import { sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import { bigint, boolean, check, index, integer, pgTable, primaryKey, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { createdAt, instantColumn, primaryId, updatedAt } from '../platform/db/columns.ts'
import { budgetMetrics, budgetScopes, budgetThresholds, budgetWindowKinds, incidentStatus, windowStartSql } from './budgetStatus.ts'
import { companyId } from './companies.ts'
import { MICROCENTS } from './money.ts'

const list = (values: readonly string[]): string => values.map((value) => `'${value}'`).join(', ')
const microcents = (name: string) => bigint(name, { mode: 'number' }).notNull().default(0)

/** The limit of a policy, in microcents. */
export const limitOf = ({ amount }: { readonly amount: number }): number => amount * MICROCENTS

/** `limitOf` in SQL. @param amount the cents of a policy; as a bigint, because the largest is beyond an integer in microcents */
export const limitSql = (amount: SQL): SQL => sql`(${amount}::bigint * 1000000)`

/** The amount at which a policy warns, in microcents: its share of the limit, in whole cents. */
export const warningAt = ({ amount, warnPercent }: { readonly amount: number; readonly warnPercent: number }): number =>
  Math.ceil((amount * warnPercent) / 100) * MICROCENTS

/** `warningAt` in SQL. */
export const warningSql = (amount: SQL, percent: SQL): SQL => sql`(ceil(${amount}::bigint * ${percent} / 100.0) * 1000000)`

/**
 * The key of the advisory lock of the writers of cost events of a company, in SQL. They share it until their commit; a limit that begins has it alone.
 * @param companyId the text of its id, as a SQL expression
 */
export const costWritersKey = (companyId: SQL): SQL => sql`7071, hashtext(${companyId})`

/**
 * A limit of what a company, an agent or a project may spend in a window. The amount of the monthly policy of an agent or a company
 * is its column `budget_monthly_cents`: a trigger writes it here, so that there is one truth. Another trigger adds up what was spent when
 * a hard limit begins, behind every event that is being written.
 */
export const budgetPolicies = pgTable(
  'budget_policies',
  {
    id: primaryId(),
    companyId: companyId(),
    scopeType: text('scope_type', { enum: budgetScopes }).notNull(),
    scopeId: uuid('scope_id').notNull(),
    metric: text('metric', { enum: budgetMetrics }).notNull().default('billed_cents'),
    windowKind: text('window_kind', { enum: budgetWindowKinds }).notNull().default('calendar_month_utc'),
    /** In cents. */
    amount: integer('amount').notNull(),
    warnPercent: integer('warn_percent').notNull().default(80),
    hardStopEnabled: boolean('hard_stop_enabled').notNull().default(true),
    notifyEnabled: boolean('notify_enabled').notNull().default(true),
    isActive: boolean('is_active').notNull().default(true),
    /** The amount that a run reserves, in cents, where nothing else says it; null leaves it to what earlier runs cost. */
    reserveCents: integer('reserve_cents'),
    /** Counts the changes of the amount, of the hard stop and of whether the policy holds: the same threshold is then another threshold. */
    revision: integer('revision').notNull().default(1),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (table) => [
    uniqueIndex('budget_policies_key').on(table.companyId, table.scopeType, table.scopeId, table.metric, table.windowKind),
    // Every start, every checkout and every cost event looks here. Most companies have few policies or none.
    index('budget_policies_hard')
      .on(table.companyId, table.scopeType, table.scopeId)
      .where(sql`is_active and hard_stop_enabled`),
    check('budget_policies_amount_check', sql`amount >= 0 and (amount > 0 or not is_active)`),
    check('budget_policies_warn_check', sql`warn_percent between 1 and 99`),
    check('budget_policies_reserve_check', sql`reserve_cents is null or reserve_cents > 0`),
    check('budget_policies_scope_check', sql.raw(`scope_type in (${list(budgetScopes)})`)),
    check('budget_policies_window_check', sql.raw(`window_kind in (${list(budgetWindowKinds)})`)),
  ],
)

/**
 * The amounts that were spent and are reserved in one window of a policy with a hard limit, exact to the microcent. Its row is the last lock of a transaction
 * (`budget` in the order of locks). Policies without a hard limit have none: their figures are those of the rollups.
 */
export const budgetStates = pgTable(
  'budget_windows',
  {
    policyId: uuid('policy_id')
      .notNull()
      .references(() => budgetPolicies.id, { onDelete: 'cascade' }),
    windowStart: instantColumn('window_start').notNull(),
    companyId: uuid('company_id').notNull(),
    spent: microcents('spent'),
    reserved: microcents('reserved'),
  },
  (table) => [primaryKey({ columns: [table.policyId, table.windowStart] }), check('budget_windows_reserved_check', sql`reserved >= 0`)],
)

/** The part that a run has reserved and not spent yet, in one window of one policy. The row is deleted in the transaction that ends the run. */
export const budgetReservations = pgTable(
  'budget_reservations',
  {
    runId: uuid('run_id').notNull(),
    policyId: uuid('policy_id')
      .notNull()
      .references(() => budgetPolicies.id, { onDelete: 'cascade' }),
    windowStart: instantColumn('window_start').notNull(),
    companyId: uuid('company_id').notNull(),
    /** Microcents. */
    remaining: microcents('remaining'),
    createdAt: createdAt(),
  },
  (table) => [
    primaryKey({ columns: [table.runId, table.policyId] }),
    index('budget_reservations_policy').on(table.policyId),
    check('budget_reservations_remaining_check', sql`remaining >= 0`),
  ],
)

/** A threshold that was crossed. The hard one is also the durable order to stop every run in its scope. */
export const budgetIncidents = pgTable(
  'budget_incidents',
  {
    id: primaryId(),
    companyId: companyId(),
    policyId: uuid('policy_id')
      .notNull()
      .references(() => budgetPolicies.id, { onDelete: 'cascade' }),
    scopeType: text('scope_type', { enum: budgetScopes }).notNull(),
    scopeId: uuid('scope_id').notNull(),
    metric: text('metric', { enum: budgetMetrics }).notNull(),
    windowKind: text('window_kind', { enum: budgetWindowKinds }).notNull(),
    windowStart: instantColumn('window_start').notNull(),
    /** Null for a lifetime. */
    windowEnd: instantColumn('window_end'),
    thresholdType: text('threshold_type', { enum: budgetThresholds }).notNull(),
    /** In cents. */
    amountLimit: integer('amount_limit').notNull(),
    amountObserved: bigint('amount_observed', { mode: 'number' }).notNull(),
    policyRevision: integer('policy_revision').notNull(),
    status: text('status', { enum: incidentStatus.statuses }).notNull().default('open'),
    approvalId: uuid('approval_id'),
    /** When the scope was paused and its supervised runs were ended; null while the stop is ordered and not carried out. */
    enforcedAt: instantColumn('enforced_at'),
    resolvedAt: instantColumn('resolved_at'),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (table) => [
    uniqueIndex('budget_incidents_key').on(table.policyId, table.windowStart, table.thresholdType, table.policyRevision),
    index('budget_incidents_company').on(table.companyId, table.createdAt.desc().nullsFirst(), table.id.desc().nullsFirst()),
    // The task that stops runs, and every heartbeat, look only at open stops.
    index('budget_incidents_open')
      .on(table.companyId, table.scopeType, table.scopeId)
      .where(sql`status <> 'resolved' and threshold_type = 'hard'`),
    check('budget_incidents_status_check', sql.raw(`status in (${list(incidentStatus.statuses)})`)),
  ],
)

/**
 * The hard limits above an agent that are used up, in SQL: `from` and `where` of a row `bp` of policies with the present window `bw`.
 * @param alias of the table `agents` in the statement
 * @param projectId the project whose limit counts too, as a SQL expression; null for none
 */
export const exhaustedLimits = (alias: string, projectId: SQL = sql`null`): SQL => {
  const agent = sql.raw(alias)
  return sql`from ${budgetPolicies} bp join ${budgetStates} bw on bw.policy_id = bp.id
    and bw.window_start = ${windowStartSql(sql`bp.window_kind`, sql`now()`)}
    where bp.company_id = ${agent}.company_id and bp.is_active and bp.hard_stop_enabled and bw.spent >= ${limitSql(sql`bp.amount`)}
      and (bp.scope_type = 'company' or (bp.scope_type = 'agent' and bp.scope_id = ${agent}.id)
        or (bp.scope_type = 'project' and bp.scope_id = ${projectId}))`
}

/** Whether a hard limit above an agent is used up, in SQL: that of its company or its own. @param alias as in `exhaustedLimits` */
export const isExhaustedSql = (alias: string): SQL => sql`exists (select 1 ${exhaustedLimits(alias)})`

/**
 * Whether a company has a hard limit at all, in SQL. Where it has none, nothing is reserved, and no lock of a budget is taken. A limit that
 * begins behind this look applies to what begins behind it.
 * @param companyId a SQL expression
 */
export const hasHardLimitSql = (companyId: SQL): SQL =>
  sql`exists (select 1 from ${budgetPolicies} hp where hp.company_id = ${companyId} and hp.is_active and hp.hard_stop_enabled)`
