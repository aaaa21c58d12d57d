// The next time of a cron expression in a zone, as a pure function. doc/spec/routines.md states the rules of the days on which a
// clock is set; no timer of the package is used.

import type { Instant } from '../kernel/time.ts'
import { parseCron } from './expression.ts'
import type { ParsedCron } from './expression.ts'
import { changeAfter, isZone, offsetAt } from './zone.ts'
import type { ClockChange } from './zone.ts'

const MINUTE_MS = 60_000
const DAY_MS = 24 * 60 * MINUTE_MS
const SECOND_MS = 1000
/** No clock is set back by more than a day. */
const LONGEST_OVERLAP_MS = DAY_MS
/** Twice as long as the clock of a zone is ever set at once. A time that is farther away is approached in one step. */
const FAR_MS = 2 * DAY_MS
/** How far a time is looked for: leap days that are a given weekday are up to 40 years apart. */
const HORIZON_MS = 50 * 366 * DAY_MS

/** The times from which a walk goes on: an instant, and the first time of the clock that counts. */
interface Position {
  readonly instant: number
  /** Times of the clock up to and with this one do not count. */
  readonly wall: number
}

/**
 * The time of the clock from which an expression counts at an instant. Times that the clock shows a second time do not count again, unless the
 * expression covers every hour.
 */
function startOf(cron: ParsedCron, zone: string, instant: number): Position {
  const wall = instant + offsetAt(zone, instant)
  const change = cron.coversEveryHour ? null : lastChange(zone, instant)
  // The last time that the clock showed before it was set back.
  const shown = change === null ? wall : change.at + change.before - SECOND_MS
  return { instant, wall: Math.max(wall, shown) }
}

/** The last change of the clock in the day before an instant, and at it; null for none. */
function lastChange(zone: string, instant: number): ClockChange | null {
  let last: ClockChange | null = null
  for (
    let change = changeAfter(zone, instant - LONGEST_OVERLAP_MS, instant);
    change !== null;
    change = changeAfter(zone, change.at, instant)
  )
    last = change
  return last
}

/** The position behind a change of the clock, or the change itself where the clock leaves out a time that matches. */
function across(cron: ParsedCron, { at, before, after }: ClockChange): Position | 'due' {
  const [left, entered] = [at + before, at + after]
  // Set forward: a time that the clock leaves out is due at the instant of the change, unless every hour is covered.
  if (entered > left && !cron.coversEveryHour) {
    const first = cron.wallAfter(left - SECOND_MS)
    if (first !== null && first < entered) return 'due'
  }
  const counted = cron.coversEveryHour ? entered : Math.max(left, entered)
  return { instant: at, wall: counted - SECOND_MS }
}

/**
 * `nextAfter` in milliseconds. The changes of the clock are looked at near the position and near the time that is due. Between the two no time matches,
 * so a change there leaves out none and shows none twice: an expression that comes once in forty years costs as little as a daily one.
 */
function walk(cron: ParsedCron, zone: string, from: number): number | null {
  let position = startOf(cron, zone, from)
  for (;;) {
    const wall = cron.wallAfter(position.wall)
    if (wall === null) return null
    const { instant } = position
    const due = wall - offsetAt(zone, instant)
    if (due > from + HORIZON_MS) return null
    const isFar = due - instant > FAR_MS
    const change = changeAfter(zone, instant, isFar ? instant + FAR_MS : due)
    if (change !== null) {
      const next = across(cron, change)
      if (next === 'due') return change.at
      position = next
    } else if (isFar) position = { instant: due - FAR_MS, wall: position.wall }
    else return due
  }
}

/** Whether an expression and a zone are a schedule here: a server with a later database of zones may have saved one that this server does not know. */
export const isSchedule = (expression: string, zone: string): boolean => parseCron(expression) !== null && isZone(zone)

/**
 * The first instant after another one at which a cron expression of five fields is due in a zone. Pure: the same for the same database of
 * zones, whatever the clock and the zone of the process.
 *
 * @param expression minute, hour, day of the month, month, day of the week
 * @param zone the name of a zone (IANA)
 * @returns null when no time follows within 50 years, as of the 31st of February
 * @throws RangeError for an expression or a zone that `cronProblem` names
 */
export function nextAfter(expression: string, zone: string, instant: Instant): Instant | null {
  const cron = parseCron(expression)
  if (cron === null || !isZone(zone)) throw new RangeError(`not a schedule: ${expression} ${zone}`)
  const due = walk(cron, zone, Date.parse(instant))
  return due === null ? null : new Date(due).toISOString()
}

/** The next times of a schedule, `count` at most. @throws as `nextAfter` */
export function nextTimes(expression: string, zone: string, instant: Instant, count: number): Instant[] {
  const times: Instant[] = []
  for (let next = nextAfter(expression, zone, instant); next !== null && times.length < count; next = nextAfter(expression, zone, next))
    times.push(next)
  return times
}

/**
 * The last times of a schedule in `(after, until]`, `count` at most, ascending. The work does not grow with the number of times: the search
 * halves the span until few enough are left.
 * @throws as `nextAfter`
 */
export function lastTimes(
  schedule: { readonly expression: string; readonly zone: string },
  after: Instant,
  until: Instant,
  count: number,
): Instant[] {
  const within = (from: number): Instant[] =>
    nextTimes(schedule.expression, schedule.zone, new Date(from).toISOString(), count).filter((time) => time <= until)
  let [few, many] = [Date.parse(until), Date.parse(after)]
  if (within(many).length < count) return within(many)
  // `many` always has at least `count` times behind it, `few` fewer.
  while (few - many > MINUTE_MS) {
    const middle = many + Math.floor((few - many) / 2)
    if (within(middle).length < count) few = middle
    else many = middle
  }
  return within(many)
}

/** Why an expression and a zone are no schedule, as a sentence; null for a schedule. @param from the instant after which a time must come */
export function cronProblem(expression: string, zone: string, from: Instant): string | null {
  if (parseCron(expression) === null)
    return 'Expected a cron expression of five fields: minute, hour, day of the month, month, day of the week'
  if (!isZone(zone)) return 'Unknown time zone: expected a name such as Europe/Berlin'
  return nextAfter(expression, zone, from) === null ? 'The schedule never comes' : null
}
