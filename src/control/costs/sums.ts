// The sums of what was spent in a range of time, before they are grouped.

import { sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import { costEvents, costRollups, runCosts } from '../../model/costs.ts'
import { centsSql, isSubscriptionSql } from '../../model/money.ts'
import { partsOf } from './ranges.ts'

const ofPart = (at: SQL): SQL => sql`company_id = part.company_id and ${at} >= part.low and ${at} < part.high`

const counters = ['microcents', 'input_tokens', 'cached_input_tokens', 'output_tokens', 'event_count', 'unpriced_count', 'run_count']
/** The counters under their own names, for sums of sums. */
export const summedCounters = sql.raw(counters.map((name) => `sum(${name})::bigint as ${name}`).join(', '))
// Multiplied as an integer: a sum of integers is a numeric, and there are seven for each key of each part.
const signedSums = sql.raw(counters.map((name) => `sum(${name})::bigint * part.sign as ${name}`).join(', '))

// A run counts where its first event of a class of billing is. There are few of these, so each is looked up.
const firstEvents = sql`union all
  select e.agent_id, e.project_id, e.provider, e.biller, e.billing_type, e.model, 0, 0, 0, 0, 0, 0, 1
  from (select first_event_id from ${runCosts} where part.grain = 'event' and ${ofPart(sql`first_occurred_at`)}) r
  join ${costEvents} e on e.id = r.first_event_id`

/**
 * The spending of the company of the parameter `companyId` in each range: rows by the keys, several for one of these, with the columns of the range.
 * The sum of their counters is that of the range. Keys whose `event_count` adds up to 0 have no events in it: one part had what another took away.
 * It reads the sums of the largest units that fit, and events only for what is left of twenty minutes; these from the index alone.
 * @param keys columns of the sums, separated by commas
 * @param ranges as for `partsOf`
 */
export const spendingBy = (keys: SQL, ranges: SQL): SQL => spendingWith(keys, ranges, sql``)

/** The same with `run_count`, which is 0 otherwise. Only lists that show runs read it. */
export const spendingAndRunsBy = (keys: SQL, ranges: SQL): SQL => spendingWith(keys, ranges, firstEvents)

const signed = (values: readonly string[]): SQL =>
  sql.raw(values.map((value, index) => `${value} * part.sign as ${counters[index]}`).join(', '))
const dimensions = sql.raw('agent_id, project_id, provider, biller, billing_type, model')
const ofEvent = [
  'microcents',
  'input_tokens',
  'cached_input_tokens',
  'output_tokens',
  '1::bigint',
  '(not is_priced)::int::bigint',
  '0::bigint',
]

/**
 * The same as `spendingBy`, but each sum and event as a row of its own. It is cheaper for a list of many keys: to finish the sums of each key in each
 * part costs more there than to multiply each row by the sign of its part.
 */
export const spendingRows = (ranges: SQL): SQL => sql`
  select part.*, entry.* from (${partsOf(ranges)}) part cross join lateral (
    select ${dimensions}, ${signed(counters)} from ${costRollups} where grain = part.grain and ${ofPart(sql`bucket`)}
    union all
    select ${dimensions}, ${signed(ofEvent)} from ${costEvents} where part.grain = 'event' and ${ofPart(sql`occurred_at`)}) entry`

const spendingWith = (keys: SQL, ranges: SQL, runsOfEvents: SQL): SQL => sql`
  select part.*, s.* from (${partsOf(ranges)}) part cross join lateral (
    select ${keys}, ${signedSums} from (
      select agent_id, project_id, provider, biller, billing_type, model, ${sql.raw(counters.join(', '))}
      from ${costRollups} where grain = part.grain and ${ofPart(sql`bucket`)}
      union all
      select agent_id, project_id, provider, biller, billing_type, model, microcents, input_tokens, cached_input_tokens, output_tokens,
        1, (not is_priced)::int, 0
      from ${costEvents} where part.grain = 'event' and ${ofPart(sql`occurred_at`)} ${runsOfEvents}) entry group by ${keys}) s`

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

/** Keeps what has events in the range, a correction included. */
export const hasEvents = sql`having sum(event_count) > 0`

/** The end of a list of sums: the costliest first. @param ties columns that make the order unique */
export const costliestFirst = (ties: SQL): SQL =>
  sql`${hasEvents} order by sum(microcents) desc, ${ties} limit ${sql.raw(String(MAX_ROWS))}`
