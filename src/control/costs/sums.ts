// The sums of what was spent in a range of time, before they are grouped.

import { sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import { costEvents, costRollups, runCosts } from '../../model/costs.ts'
import { centsSql, isSubscriptionSql } from '../../model/money.ts'
import { param } from '../../platform/db/statement.ts'
import { partsOf } from './ranges.ts'

const keys = sql`agent_id, project_id, provider, biller, billing_type, model`
const companyId = param('companyId', 'uuid')

// `run_costs` is made with the first event of a run in a class of billing, in the same transaction, so both have the same instant.
// Several events of the run in that transaction occurred at one instant, so they are in one part of every range; one of them counts.
// A look-up for each event: `exists` would be planned as a read of the runs of all companies.
const beginsRun = sql`case when row_number() over (partition by e.heartbeat_run_id, ${isSubscriptionSql(sql`e.billing_type`)}, e.created_at
    order by e.id) = 1
  then coalesce((select 1 from ${runCosts} rc where rc.run_id = e.heartbeat_run_id
    and rc.is_subscription = ${isSubscriptionSql(sql`e.billing_type`)} and rc.created_at = e.created_at limit 1), 0) else 0 end`

/**
 * The spending of the company of the parameter `companyId` in each range: rows by agent, project, provider, biller, billing type and model,
 * several for one of these, with the columns of the range. It reads the sums of the largest units that fit, and events only for what is
 * left of an hour, so its time does not grow with the number of events in whole hours.
 * @param ranges as for `partsOf`
 */
export const spendingIn = (ranges: SQL): SQL => spendingWith(ranges, sql``, sql``)

/** The same with `run_count`. Only lists that show runs read it: within an hour it costs a sort and a look-up for each event. */
export const spendingAndRunsIn = (ranges: SQL): SQL => spendingWith(ranges, sql`, run_count`, sql`, ${beginsRun}`)

const spendingWith = (ranges: SQL, ofSums: SQL, ofEvents: SQL): SQL => sql`
  select part.*, s.* from (${partsOf(ranges)}) part cross join lateral (
    select ${keys}, microcents, input_tokens, cached_input_tokens, output_tokens, unpriced_count${ofSums}
    from ${costRollups} where company_id = ${companyId} and grain = part.grain and bucket >= part.low and bucket < part.high
    union all
    select ${keys}, microcents, input_tokens, cached_input_tokens, output_tokens, (not is_priced)::int${ofEvents}
    from ${costEvents} e where part.grain = 'event' and company_id = ${companyId} and occurred_at >= part.low and occurred_at < part.high) s`

const total = (column: SQL, condition?: SQL): SQL =>
  sql`coalesce(sum(${column})${condition === undefined ? sql`` : sql` filter (where ${condition})`}, 0)::bigint`

/** Whole cents: rounded once, at the end of a sum. */
export const spentCents = centsSql(sql`coalesce(sum(microcents), 0)`)

export const unpricedEvents = total(sql`unpriced_count`)

/** The columns that every sum shows, under the names of the wire. */
export const sumColumns = sql`${spentCents} as "costCents", ${total(sql`input_tokens`)} as "inputTokens",
  ${total(sql`cached_input_tokens`)} as "cachedInputTokens", ${total(sql`output_tokens`)} as "outputTokens",
  ${unpricedEvents} as "unpricedEventCount"`

const bySubscription = isSubscriptionSql(sql`billing_type`)

/** The same, with runs and tokens that a subscription paid apart. */
export const sumColumnsByBilling = sql`${sumColumns}, ${total(sql`run_count`, sql`not ${bySubscription}`)} as "apiRunCount",
  ${total(sql`run_count`, bySubscription)} as "subscriptionRunCount",
  ${total(sql`input_tokens`, bySubscription)} as "subscriptionInputTokens",
  ${total(sql`cached_input_tokens`, bySubscription)} as "subscriptionCachedInputTokens",
  ${total(sql`output_tokens`, bySubscription)} as "subscriptionOutputTokens"`

/** The most rows of a list of sums. A company that has more of them sees the costliest. */
const MAX_ROWS = 1000

/** The end of a list of sums: the costliest first. @param ties columns that make the order unique */
export const costliestFirst = (ties: SQL): SQL => sql`order by sum(microcents) desc, ${ties} limit ${sql.raw(String(MAX_ROWS))}`
