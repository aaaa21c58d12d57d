// The sums of what was spent in a range of time, before they are grouped.

import { getTableColumns, sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import { costEvents, costRollups, runCosts } from '../../model/costs.ts'
import { centsSql, isSubscriptionSql } from '../../model/money.ts'
import { safeIntegerSql } from '../../platform/db/safeInteger.ts'
import { partsOf } from './ranges.ts'

const ofPart = (at: SQL): SQL => sql`company_id = part.company_id and ${at} >= part.low and ${at} < part.high`

const counters = ['microcents', 'input_tokens', 'cached_input_tokens', 'output_tokens', 'event_count', 'unpriced_count', 'run_count']
/** The counters under their own names, for sums of sums. */
export const summedCounters = sql.raw(counters.map((name) => `sum(${name})::bigint as ${name}`).join(', '))
// Multiplied as an integer: a sum of integers is a numeric, and there are seven for each key of each part.
const signedSums = sql.raw(counters.map((name) => `sum(${name})::bigint * part.sign as ${name}`).join(', '))
const signedCounters = sql.raw(counters.map((name) => `${name} * part.sign as ${name}`).join(', '))

const columns = Object.values(getTableColumns(costRollups)).map(({ name }) => name)
/** Something else in the form of a row of sums: each column from `values`, or else as `other` says. */
const asSum = (values: Readonly<Record<string, string>>, other = (name: string): string => name): SQL =>
  sql.raw(columns.map((name) => values[name] ?? other(name)).join(', '))
const ofNoUnit = { grain: 'null::text', bucket: 'null::timestamptz', shard: 'null::smallint' }
const eventAsSum = asSum({
  ...ofNoUnit,
  event_count: '1::bigint',
  unpriced_count: '(not is_priced)::int::bigint',
  run_count: '0::bigint',
})
const noCounters = Object.fromEntries(counters.map((name) => [name, '0::bigint']))
const runAsSum = asSum({ ...ofNoUnit, ...noCounters, run_count: '1::bigint' }, (name) => `e.${name}`)

// A run counts where its first event of a class of billing is. There are few of these, so each is looked up.
const firstEvents = sql`union all
  select ${runAsSum} from (select first_event_id from ${runCosts} where part.grain = 'event' and ${ofPart(sql`first_occurred_at`)}) r
  join ${costEvents} e on e.id = r.first_event_id`

// All columns of the sums, in the order of their table, whatever a read needs of them: Postgres then hands on each row as it lies on its page, and
// does not pick columns from it first. Without `offset 0` the planner would divide the union, and pick the columns behind each scan after all.
const entriesWith = (runsOfEvents: SQL): SQL => sql`
  select ${sql.raw(columns.join(', '))} from ${costRollups} where grain = part.grain and ${ofPart(sql`bucket`)}
  union all
  select ${eventAsSum} from ${costEvents} where part.grain = 'event' and ${ofPart(sql`occurred_at`)} ${runsOfEvents} offset 0`

const [entries, entriesAndRuns] = [entriesWith(sql``), entriesWith(firstEvents)]

const addedUp = (entriesOfPart: SQL, ranges: SQL, keys?: SQL): SQL => {
  const [keysAnd, grouped] = keys === undefined ? [sql``, sql``] : [sql`${keys}, `, sql`group by ${keys}`]
  return sql`select part.*, s.* from (${partsOf(ranges)}) part
    cross join lateral (select ${keysAnd}${signedSums} from (${entriesOfPart}) entry ${grouped}) s`
}

/**
 * The spending of the company of the parameter `companyId` in each range: rows by the keys, several for one of these, with the columns of the range.
 * The sum of their counters is that of the range. Keys whose `event_count` adds up to 0 have no events in it: one part had what another took away.
 * It reads the sums of the largest units that fit, and events only for what is left of twenty minutes; these from the index alone.
 * @param ranges as for `partsOf`
 * @param keys columns of the sums, separated by commas; left out for the spending as a whole
 */
export const spendingBy = (ranges: SQL, keys?: SQL): SQL => addedUp(entries, ranges, keys)

/** The same with `run_count`, which is 0 otherwise. Only lists that show runs read it. */
export const spendingAndRunsBy = (ranges: SQL, keys: SQL): SQL => addedUp(entriesAndRuns, ranges, keys)

/**
 * The same as `spendingBy` for a single range, but each sum and event as a row of its own, without the columns of the range. It is cheaper for a list
 * of many keys: to finish the sums of each key in each part costs more there than to multiply each row by the sign of its part.
 */
export const spendingRows = (range: SQL, keys: SQL): SQL => sql`
  select ${keys}, ${signedCounters} from (${partsOf(range)}) part cross join lateral (${entries}) entry`

const total = (column: SQL, condition?: SQL): SQL =>
  safeIntegerSql(sql`coalesce(sum(${column})${condition === undefined ? sql`` : sql` filter (where ${condition})`}, 0)`)

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
