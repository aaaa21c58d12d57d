// How a range of time is put together from whole months, days and hours, and from events within the hours in which it begins and ends.

import { sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import { param } from '../../platform/db/statement.ts'
import type { Instant } from '../../platform/kernel/time.ts'

/** A range of time: from an instant on, and before another. Either may be missing. */
export interface TimeRange {
  readonly from?: Instant | undefined
  readonly to?: Instant | undefined
}

/** The parameters of a statement that reads a range. */
export interface RangeParams {
  readonly companyId: string
  readonly from: Instant | null
  readonly to: Instant | null
}

export const rangeParams = (
  companyId: string,
  { from = null, to = null }: { from?: Instant | null | undefined; to?: Instant | null | undefined },
): RangeParams => ({
  companyId,
  from,
  to,
})

/** Month boundaries before and behind every event. Unlike infinite instants, they have distances. */
const [EARLIEST, LATEST] = [sql`timestamp '4000-01-01 BC'`, sql`timestamp '20000-01-01'`]

/** The range of the parameters, as rows for `partsOf`. */
export const givenRange = sql`select coalesce(${param('from', 'timestamptz')} at time zone 'UTC', ${EARLIEST}) as starts,
  coalesce(${param('to', 'timestamptz')} at time zone 'UTC', ${LATEST}) as ends`

/** How long it is between two instants, in either order, of what has passed: hardly any event is dated ahead. */
const passedBetween = (one: SQL, other: SQL): SQL => sql`(least(greatest(${one}, ${other}), present) - least(${one}, ${other}, present))`

/** The beginning of a unit that has the least time between it and an instant, of what has passed. */
const nearest = (unit: SQL, at: SQL): SQL => {
  const [floor, ceiling] = [sql`date_trunc('${unit}', ${at})`, sql`(date_trunc('${unit}', ${at}) + interval '1 ${unit}')`]
  return sql`case when ${at} = ${floor} or least(${ceiling}, present) - ${at} >= ${at} - ${floor} then ${floor} else ${ceiling} end`
}

/**
 * The next step on the way from `a` to `b` of the alias `finer`: to the whole units that are nearest to them, if the way over these is shorter than
 * the direct one. If not, both are `b`, so that the finer parts lead all the way.
 * @param toll what reading units costs, as so much of the way: a unit has the rows of more keys, and the present one has each of them for all shards
 */
const stepTo = (unitName: string, finer: string, toll: string): SQL => {
  const unit = sql.raw(unitName)
  const [a, b] = [sql.raw(`${finer}.a`), sql.raw(`${finer}.b`)]
  const detour = sql`${passedBetween(a, sql`n_${unit}.a`)} + ${passedBetween(sql`n_${unit}.b`, b)}
    + interval '${sql.raw(toll)}' * case when n_${unit}.b > present then 4 else 1 end`
  // Without `offset 0` the planner would write each instant as an expression of those before it, which is millions of terms long at the third step.
  return sql`cross join lateral (select ${nearest(unit, a)} as a, ${nearest(unit, b)} as b offset 0) n_${unit}
    cross join lateral (select case when is_near then n_${unit}.a else ${b} end as a, case when is_near then n_${unit}.b else ${b} end as b
    from (select (n_${unit}.a = ${a} and n_${unit}.b = ${b}) or ${detour} < ${passedBetween(a, b)} as is_near) d offset 0) ${unit}`
}

/** The way between two instants as a part: added if it leads ahead, taken away if it leads back. */
const way = (grain: string, from: string, to: string): SQL =>
  sql.raw(`('${grain}', least(${from}, ${to}), greatest(${from}, ${to}), case when ${from} < ${to} then 1 else -1 end)`)

/**
 * The parts of each range as rows of `grain`, `low`, `high` and `sign`, with the columns of the range. The sum of the range is that of its parts with
 * the sign 1, less that of those with the sign -1: an end of a range is read from the hour that begins nearest to it, its hour from the nearest day, and
 * its day from the nearest month. So at most half an hour of events, half a day of hours and half a month of days is read at either end, in at most
 * seven parts, whatever the length of the range. What is still to come has no events, so an end that lies near the present is read from behind.
 * @param ranges rows with `starts` and `ends`, timestamps in UTC
 */
export const partsOf = (ranges: SQL): SQL => sql`
  select wanted.*, event.company_id, part.grain, part.low at time zone 'UTC' as low, part.high at time zone 'UTC' as high, part.sign
  from (${ranges}) wanted
  cross join lateral (select ${param('companyId', 'uuid')} as company_id, starts as a, ends as b, now() at time zone 'UTC' as present offset 0) event
  ${stepTo('hour', 'event', '3 minutes')} ${stepTo('day', 'hour', '1 hour')} ${stepTo('month', 'day', '4 days')}
  cross join lateral (values ${way('month', 'month.a', 'month.b')}, ${way('day', 'day.a', 'month.a')}, ${way('day', 'month.b', 'day.b')},
    ${way('hour', 'hour.a', 'day.a')}, ${way('hour', 'day.b', 'hour.b')}, ${way('event', 'event.a', 'hour.a')},
    ${way('event', 'hour.b', 'event.b')}) part (grain, low, high, sign)
  where part.low < part.high`
