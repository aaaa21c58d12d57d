// How a range of time is divided into whole months, days and hours, and what is left of an hour at its ends.

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

/** The range of the parameters, as rows for `partsOf`. An end that is missing is infinite. */
export const givenRange = sql`select coalesce(${param('from', 'timestamptz')} at time zone 'UTC', '-infinity') as starts,
  coalesce(${param('to', 'timestamptz')} at time zone 'UTC', 'infinity') as ends`

/** The last beginning of a unit that is not behind an instant. */
const floorOf = (unit: string, at: SQL): SQL => sql`date_trunc('${sql.raw(unit)}', ${at})`

/** The first beginning of a unit that is not before an instant. Months differ in length, so it is the one behind the unit of the microsecond before. */
const ceilingOf = (unit: string, at: SQL): SQL =>
  sql`(date_trunc('${sql.raw(unit)}', ${at} - interval '1 microsecond') + interval '1 ${sql.raw(unit)}')`

/** The two ends that are left of the units between `from` and `to` when the larger units between `low` and `high` are taken out. */
const endsOf = (name: string, [from, to]: readonly [string, string], [low, high]: readonly [string, string]): SQL => {
  const [first, last, left, right] = [from, to, low, high].map((text) => sql.raw(text)) as [SQL, SQL, SQL, SQL]
  const kind = sql.raw(`'${name}'`)
  // There may be no larger unit between the ends: then the first part is everything, and the second nothing.
  return sql`(${kind}, ${first}, case when ${left} <= ${right} then ${left} else ${last} end),
    (${kind}, case when ${left} <= ${right} then ${right} else ${last} end, ${last})`
}

/**
 * The parts of each range as rows of `grain`, `low`, `high`, with the columns of the range: whole months, then whole days beside
 * them, then whole hours, and with the grain `event` what is left of an hour. At most seven, whatever the length of the range.
 * @param ranges rows with `starts` and `ends`, timestamps in UTC
 */
export const partsOf = (ranges: SQL): SQL => sql`
  select wanted.*, part.grain, part.low at time zone 'UTC' as low, part.high at time zone 'UTC' as high
  from (${ranges}) wanted
  cross join lateral (select starts, ends,
    ${ceilingOf('month', sql`starts`)} as month_low, ${floorOf('month', sql`ends`)} as month_high,
    ${ceilingOf('day', sql`starts`)} as day_low, ${floorOf('day', sql`ends`)} as day_high,
    ${ceilingOf('hour', sql`starts`)} as hour_low, ${floorOf('hour', sql`ends`)} as hour_high) b
  cross join lateral (values ('month', month_low, month_high),
    ${endsOf('day', ['day_low', 'day_high'], ['month_low', 'month_high'])},
    ${endsOf('hour', ['hour_low', 'hour_high'], ['day_low', 'day_high'])},
    ${endsOf('event', ['b.starts', 'b.ends'], ['hour_low', 'hour_high'])}) part (grain, low, high)
  where part.low < part.high`
