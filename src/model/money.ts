import { sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import { z } from 'zod'

/** Amounts are integers of millionths of a cent inside and integers of cents on the wire. */
export const MICROCENTS = 1_000_000

/** The most that one event can say, in cents: a hundred times the largest amount fits in a safe integer of microcents. */
export const MAX_EVENT_CENTS = 10_000_000

export const billingTypes = ['metered_api', 'subscription_included', 'subscription_overage', 'credits', 'fixed', 'unknown'] as const
export type BillingType = (typeof billingTypes)[number]

/** Whether a call was paid by a subscription; its runs and tokens are counted apart. */
export const isSubscription = (billingType: BillingType): boolean => billingType === 'subscription_included'

/** `isSubscription` in SQL. */
export const isSubscriptionSql = (column: SQL): SQL => sql`(${column} = 'subscription_included')`

/** How an event came: the agent or the board reported it, or the server made it from the usage that a run reported at its end. */
export const costSources = ['reported', 'run_usage'] as const
export type CostSource = (typeof costSources)[number]

export const rollupGrains = ['month', 'day', '3h', '20m'] as const

/**
 * The beginning of the unit of a grain that an instant lies in. The units are counted from a day before every event: some releases of Postgres 15 and
 * 16 round instants before the origin wrongly. @param at a timestamp in UTC
 */
export const bucketSql = (grain: SQL, at: SQL): SQL => sql`case ${grain}
  when '3h' then date_bin(interval '3 hours', ${at}, timestamp '0001-01-01') when '20m' then date_bin(interval '20 minutes', ${at}, timestamp '0001-01-01')
  else date_trunc(${grain}, ${at}) end`

/** The grains as rows `g (grain)`. */
export const grainRows = sql.raw(`(values ${rollupGrains.map((grain) => `('${grain}')`).join(', ')}) g (grain)`)

export const financeDirections = ['debit', 'credit'] as const
export const financeEventKinds = [
  'inference_charge',
  'platform_fee',
  'credit_purchase',
  'credit_refund',
  'credit_expiry',
  'byok_fee',
  'gateway_overhead',
  'log_storage_charge',
  'logpush_charge',
  'provisioned_capacity_charge',
  'training_charge',
  'custom_model_import_charge',
  'custom_model_storage_charge',
  'manual_adjustment',
] as const

/** Microcents of an amount in cents. */
export const microcentsOf = (cents: number): number => Math.round(cents * MICROCENTS)

/** Whole cents of microcents, rounded to the nearest. @param microcents a SQL expression; a sum may be numeric */
export const centsSql = (microcents: SQL): SQL => sql`round((${microcents}) / 1000000.0)::bigint`

/** How much of a budget was spent, in percent with two decimals; 0 without a budget. */
export const utilizationOf = (spentCents: number, budgetCents: number): number =>
  budgetCents === 0 ? 0 : Math.round((spentCents / budgetCents) * 10_000) / 100

/** Whole cents of microcents, rounded to the nearest as `centsSql` does: a half away from zero. */
export const centsOf = (microcents: number): number =>
  microcents < 0 ? 0 - Math.round(-microcents / MICROCENTS) : Math.round(microcents / MICROCENTS)

/** The amount that a run may cost, in cents, as a request says it. 0 says nothing: a run always reserves something where a hard limit exists. */
export const reserveCents = z.int().min(0).max(MAX_EVENT_CENTS)
