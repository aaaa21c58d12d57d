// How a range of time is put together from whole units of time, and from events within the smallest unit in which it begins or ends.

import { sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import { bucketSql } from '../../model/money.ts'
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
const nearest = ({ grain, length }: Unit, at: SQL): SQL => {
  const floor = bucketSql(sql.raw(`'${grain}'`), at)
  const ceiling = sql`(${floor} + interval '${sql.raw(length)}')`
  return sql`case when ${at} = ${floor} or least(${ceiling}, present) - ${at} >= ${at} - ${floor} then ${floor} else ${ceiling} end`
}

/** A grain of the sums, as a step on the way to larger units. */
interface Unit {
  readonly grain: string
  readonly length: string
  /** The alias of its step, and that of the step before it. */
  readonly alias: string
  readonly finer: string
  /** The price of reading units of it, as so much of the way: a unit has the rows of more keys, and the present one has each of them for all shards. */
  readonly toll: string
}

const units: readonly Unit[] = [
  { grain: '20m', length: '20 minutes', alias: 'm20', finer: 'event', toll: '3 minutes' },
  { grain: '3h', length: '3 hours', alias: 'h3', finer: 'm20', toll: '20 minutes' },
  { grain: 'day', length: '1 day', alias: 'day', finer: 'h3', toll: '3 hours' },
  { grain: 'month', length: '1 month', alias: 'month', finer: 'day', toll: '4 days' },
]

/**
 * The next step on the way from `a` to `b` of the finer step: to the whole units that are nearest to them, if the way over these is shorter than
 * the direct one. If not, both are `b`, so that the finer parts lead all the way.
 */
const stepTo = (unit: Unit): SQL => {
  const [a, b] = [sql.raw(`${unit.finer}.a`), sql.raw(`${unit.finer}.b`)]
  const [near, toll] = [sql.raw(`near_${unit.alias}`), sql.raw(unit.toll)]
  const detour = sql`${passedBetween(a, sql`${near}.a`)} + ${passedBetween(sql`${near}.b`, b)}
    + interval '${toll}' * case when ${near}.b > present then 4 else 1 end`
  // Without `offset 0` the planner would write each instant as an expression of those before it, which is millions of terms long at the last step.
  return sql`cross join lateral (select ${nearest(unit, a)} as a, ${nearest(unit, b)} as b offset 0) ${near}
    cross join lateral (select case when is_near then ${near}.a else ${b} end as a, case when is_near then ${near}.b else ${b} end as b
    from (select (${near}.a = ${a} and ${near}.b = ${b}) or ${detour} < ${passedBetween(a, b)} as is_near) d offset 0) ${sql.raw(unit.alias)}`
}

/** The way between two instants as a part: added if it leads ahead, taken away if it leads back. */
const way = (grain: string, from: string, to: string): string =>
  `('${grain}', least(${from}, ${to}), greatest(${from}, ${to}), case when ${from} < ${to} then 1 else -1 end)`

/** The ways of a grain from the beginning of the range to the larger units, and from these to its end. */
const waysOf = (grain: string, alias: string, larger: string): string =>
  `${way(grain, `${alias}.a`, `${larger}.a`)}, ${way(grain, `${larger}.b`, `${alias}.b`)}`

const ways = [
  way('month', 'month.a', 'month.b'),
  ...units.map(({ alias, finer }) => waysOf(units.find((unit) => unit.alias === finer)?.grain ?? 'event', finer, alias)),
].join(', ')

/**
 * The parts of each range as rows of `grain`, `low`, `high` and `sign`, with the columns of the range. The sum of the range is that of its parts with
 * the sign 1, less that of those with the sign -1: an end of a range is read from the twenty minutes that begin nearest to it, these from the nearest
 * three hours, and so on to the nearest month. So at either end at most half of a unit is read by finer ones, in at most nine parts, whatever the
 * length of the range. There are no events ahead of the present, so an end that lies near the present is read from behind.
 * @param ranges rows with `starts` and `ends`, timestamps in UTC
 */
export const partsOf = (ranges: SQL): SQL => sql`
  select wanted.*, event.company_id, part.grain, part.low at time zone 'UTC' as low, part.high at time zone 'UTC' as high, part.sign
  from (${ranges}) wanted
  cross join lateral (select ${param('companyId', 'uuid')} as company_id, starts as a, ends as b, now() at time zone 'UTC' as present offset 0) event
  ${sql.join(units.map(stepTo), sql` `)}
  cross join lateral (values ${sql.raw(ways)}) part (grain, low, high, sign)
  where part.low < part.high`
