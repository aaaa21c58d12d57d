// The form of a cron expression: five fields, checked and parsed once.

import { Cron } from 'croner'
import { createBoundedCache } from '../kernel/boundedCache.ts'

/** The longest expression: every minute of an hour named one by one has 170 characters. */
export const MAX_EXPRESSION = 300
/** Parsed expressions that are kept. One costs a tenth of a millisecond to parse. */
const MAX_PARSED = 1000
const FIELDS = 5
const HOURS = 24
const MINUTES = 60
const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
/** A day whose hours and minutes are enumerated to learn what a field covers. */
const SAMPLE_DAY = Date.UTC(2024, 0, 1)

/** An expression that was parsed. */
export interface ParsedCron {
  /**
   * The first time of a calendar without zones that matches, strictly after another one; both as milliseconds, as if the calendar were that
   * of UTC. Null when none follows.
   */
  readonly wallAfter: (wall: number) => number | null
  /** Whether the field of the hour covers every hour. Such an expression follows the real hours and not the hours of the clock. */
  readonly coversEveryHour: boolean
  /** The minutes of an hour that the expression names, ascending. */
  readonly minutes: readonly number[]
}

// The package takes seconds, years and names of its own (`@daily`) as well. An expression has five fields and nothing else.
const allowed = /^[0-9A-Za-z*,/#?-]+$/

const calendar = (expression: string): Cron => new Cron(expression, { mode: '5-part', utcOffset: 0, paused: true })

const next = (cron: Cron, wall: number): number | null => cron.nextRun(new Date(wall))?.getTime() ?? null

/** The steps of a length within a window from the sample day on which a pattern matches. */
function matchesIn(cron: Cron, stepMs: number, steps: number): number[] {
  const found: number[] = []
  for (let at = next(cron, SAMPLE_DAY - 1000); at !== null && at < SAMPLE_DAY + stepMs * steps; at = next(cron, at))
    found.push((at - SAMPLE_DAY) / stepMs)
  return found
}

function parse(expression: string): ParsedCron | null {
  const fields = expression.trim().split(/\s+/)
  if (expression.length > MAX_EXPRESSION || fields.length !== FIELDS || !fields.every((field) => allowed.test(field))) return null
  const [minute = '', hour = ''] = fields
  try {
    const cron = calendar(fields.join(' '))
    const hours = matchesIn(calendar(`0 ${hour} * * *`), HOUR_MS, HOURS)
    const minutes = matchesIn(calendar(`${minute} * * * *`), MINUTE_MS, MINUTES)
    return { wallAfter: (wall) => next(cron, wall), coversEveryHour: hours.length === HOURS, minutes }
  } catch {
    return null
  }
}

const parsed = createBoundedCache<string, ParsedCron | null>(MAX_PARSED)

/** The parsed form of an expression; null for one that is no expression of five fields. */
export function parseCron(expression: string): ParsedCron | null {
  const known = parsed.get(expression)
  if (known !== undefined) return known
  const result = parse(expression)
  parsed.set(expression, result)
  return result
}

/**
 * The fewest minutes between two times of an expression that stand in one hour or in two hours that follow each other; 60 for one that
 * names a single minute. It is a lower bound: an expression that names few hours may leave more between its times.
 */
export function shortestMinutes({ minutes }: ParsedCron): number {
  const gaps = minutes.map((minute, index) => (minutes[index + 1] ?? (minutes[0] ?? 0) + MINUTES) - minute)
  return Math.min(MINUTES, ...gaps)
}
