import { sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import { bigint, boolean, check, index, jsonb, pgTable, primaryKey, smallint, text, unique, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { createdAt, instantColumn, primaryId } from '../platform/db/columns.ts'
import { companyId } from './companies.ts'
import { billingTypes, centsSql, costSources, financeDirections, financeEventKinds, rollupGrains } from './money.ts'

const list = (values: readonly string[]): string => values.map((value) => `'${value}'`).join(', ')
const count = (name: string) => bigint(name, { mode: 'number' }).notNull().default(0)

/**
 * The spending of agents: one row for each reported call of a model, or for the usage that a run reported at its end. Rows are only added; a
 * correction is a row of its own. They have no foreign keys but that of the company: what was spent stays spent when an agent,
 * a project or a run is deleted.
 */
export const costEvents = pgTable(
  'cost_events',
  {
    id: primaryId(),
    companyId: companyId(),
    agentId: uuid('agent_id').notNull(),
    issueId: uuid('issue_id'),
    projectId: uuid('project_id'),
    goalId: uuid('goal_id'),
    heartbeatRunId: uuid('heartbeat_run_id'),
    billingCode: text('billing_code'),
    provider: text('provider').notNull(),
    biller: text('biller').notNull(),
    billingType: text('billing_type', { enum: billingTypes }).notNull().default('unknown'),
    model: text('model').notNull(),
    inputTokens: count('input_tokens'),
    cachedInputTokens: count('cached_input_tokens'),
    outputTokens: count('output_tokens'),
    /** Millionths of a cent, so that small calls are not lost. Negative in a correction only. */
    microcents: count('microcents'),
    /** False where tokens were reported and no price is known: the amount is then not zero but unknown. */
    isPriced: boolean('is_priced').notNull().default(true),
    source: text('source', { enum: costSources }).notNull().default('reported'),
    /** The name that the reporter gave to the event. The same name of the same agent is the same event. */
    externalId: text('external_id'),
    /** The event that this one corrects. */
    correctsId: uuid('corrects_id'),
    /** Decides the window of a budget, in UTC. */
    occurredAt: instantColumn('occurred_at').notNull(),
    createdAt: createdAt(),
  },
  (table) => [
    // The migration 0050 lets the index have the columns of the sums as well, so that the events of a part of a unit are read from it alone.
    index('cost_events_company').on(table.companyId, table.occurredAt, table.id),
    uniqueIndex('cost_events_external_key')
      .on(table.companyId, table.agentId, table.externalId)
      .where(sql`external_id is not null`),
    check('cost_events_amount_check', sql`microcents >= 0 or corrects_id is not null`),
    check('cost_events_tokens_check', sql`input_tokens >= 0 and cached_input_tokens >= 0 and output_tokens >= 0`),
    check('cost_events_billing_type_check', sql.raw(`billing_type in (${list(billingTypes)})`)),
  ],
)

/**
 * The sums of cost events by month, by day, by three hours and by twenty minutes. A summary reads the largest units that fit, and events only
 * for what is left of twenty minutes, so its cost hardly grows with the number of events.
 *
 * Events of different agents, projects and models add to different rows. `shard` divides those of one agent, so that servers
 * that write at once rarely wait for the same row; when a unit is over, its rows are added up in shard 0, which no event writes. There is
 * no foreign key, because its check would be a lock of the company's row for each sum.
 */
export const costRollups = pgTable(
  'cost_rollups',
  {
    companyId: uuid('company_id').notNull(),
    grain: text('grain', { enum: rollupGrains }).notNull(),
    /** The beginning of the unit, in UTC. */
    bucket: instantColumn('bucket').notNull(),
    agentId: uuid('agent_id').notNull(),
    projectId: uuid('project_id'),
    provider: text('provider').notNull(),
    biller: text('biller').notNull(),
    billingType: text('billing_type', { enum: billingTypes }).notNull(),
    model: text('model').notNull(),
    shard: smallint('shard').notNull(),
    microcents: count('microcents'),
    inputTokens: count('input_tokens'),
    cachedInputTokens: count('cached_input_tokens'),
    outputTokens: count('output_tokens'),
    eventCount: count('event_count'),
    unpricedCount: count('unpriced_count'),
    /** Runs whose first event of this class of billing is among these events. */
    runCount: count('run_count'),
  },
  (table) => [
    // Events without a project add to one row too.
    unique('cost_rollups_key')
      .on(
        table.companyId,
        table.grain,
        table.bucket,
        table.agentId,
        table.projectId,
        table.provider,
        table.biller,
        table.billingType,
        table.model,
        table.shard,
      )
      .nullsNotDistinct(),
    index('cost_rollups_divided')
      .on(table.grain, table.bucket)
      .where(sql`shard > 0`),
    check('cost_rollups_grain_check', sql.raw(`grain in (${list(rollupGrains)})`)),
  ],
)

/** The spending of each run, by class of billing. Its events are the only ones that write its rows. */
export const runCosts = pgTable(
  'run_costs',
  {
    companyId: uuid('company_id').notNull(),
    runId: uuid('run_id').notNull(),
    /** Whether the run paid by subscription; everything else counts as paid by use. */
    isSubscription: boolean('is_subscription').notNull(),
    agentId: uuid('agent_id').notNull(),
    microcents: count('microcents'),
    inputTokens: count('input_tokens'),
    cachedInputTokens: count('cached_input_tokens'),
    outputTokens: count('output_tokens'),
    eventCount: count('event_count'),
    unpricedCount: count('unpriced_count'),
    /** The part that the agent reported by itself while it ran. */
    reportedMicrocents: count('reported_microcents'),
    reportedInputTokens: count('reported_input_tokens'),
    reportedCachedInputTokens: count('reported_cached_input_tokens'),
    reportedOutputTokens: count('reported_output_tokens'),
    /** The event that made the row, and its instant: the run counts in the range that has it. */
    firstEventId: uuid('first_event_id'),
    firstOccurredAt: instantColumn('first_occurred_at'),
    createdAt: createdAt(),
  },
  (table) => [
    primaryKey({ columns: [table.runId, table.isSubscription] }),
    index('run_costs_agent').on(table.agentId, table.createdAt.desc()),
    index('run_costs_company').on(table.companyId, table.firstOccurredAt),
  ],
)

/** Money that no run spent: invoices, credits, subscriptions, refunds. */
export const financeEvents = pgTable(
  'finance_events',
  {
    id: primaryId(),
    companyId: companyId(),
    agentId: uuid('agent_id'),
    issueId: uuid('issue_id'),
    projectId: uuid('project_id'),
    goalId: uuid('goal_id'),
    heartbeatRunId: uuid('heartbeat_run_id'),
    costEventId: uuid('cost_event_id'),
    billingCode: text('billing_code'),
    description: text('description'),
    eventKind: text('event_kind', { enum: financeEventKinds }).notNull(),
    direction: text('direction', { enum: financeDirections }).notNull().default('debit'),
    biller: text('biller').notNull(),
    provider: text('provider'),
    executionAdapterType: text('execution_adapter_type'),
    pricingTier: text('pricing_tier'),
    region: text('region'),
    model: text('model'),
    quantity: bigint('quantity', { mode: 'number' }),
    unit: text('unit'),
    amountCents: bigint('amount_cents', { mode: 'number' }).notNull(),
    currency: text('currency').notNull().default('USD'),
    estimated: boolean('estimated').notNull().default(false),
    externalInvoiceId: text('external_invoice_id'),
    metadataJson: jsonb('metadata_json').$type<Record<string, unknown>>(),
    occurredAt: instantColumn('occurred_at').notNull(),
    createdAt: createdAt(),
  },
  (table) => [
    index('finance_events_company').on(table.companyId, table.occurredAt.desc().nullsFirst(), table.id.desc().nullsFirst()),
    check('finance_events_amount_check', sql`amount_cents >= 0`),
  ],
)

/**
 * The amount that was spent in this month (UTC), in cents, in SQL.
 * @param companyId the company, as a SQL expression
 * @param agentId the agent, as a SQL expression; left out for all agents of the company
 */
export const spentThisMonthSql = (companyId: SQL, agentId?: SQL): SQL => sql`(
  select ${centsSql(sql`coalesce(sum(cr.microcents), 0)`)} from ${costRollups} cr where cr.company_id = ${companyId} and cr.grain = 'month'
    and cr.bucket = date_trunc('month', now() at time zone 'UTC') at time zone 'UTC' ${agentId === undefined ? sql`` : sql`and cr.agent_id = ${agentId}`})`
