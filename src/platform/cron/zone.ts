// The clock of a zone: what it shows at an instant, and when it is set forward or back.

import { createBoundedCache } from '../kernel/boundedCache.ts'

/** Zones whose formatter is kept: more than there are names in the database of zones. */
const MAX_ZONES = 1000
const MAX_NAME = 64
const SECOND_MS = 1000
/** Two changes of one clock are never closer than this, so a step of this length sees each of them. */
const STEP_MS = 12 * 3600 * SECOND_MS

const formats = createBoundedCache<string, Intl.DateTimeFormat | null>(MAX_ZONES)

function formatOf(zone: string): Intl.DateTimeFormat | null {
  const known = formats.get(zone)
  if (known !== undefined) return known
  let format: Intl.DateTimeFormat | null = null
  try {
    const digits = { month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit' } as const
    format = new Intl.DateTimeFormat('en-US', { timeZone: zone, calendar: 'gregory', hourCycle: 'h23', year: 'numeric', ...digits })
  } catch {
    // An unknown zone.
  }
  formats.set(zone, format)
  return format
}

/** Whether a text is the name of a zone (IANA). An offset such as `+02:00` is none: it says nothing of the hours of summer. */
export const isZone = (zone: string): boolean =>
  /^[A-Za-z][A-Za-z0-9_+/-]*$/.test(zone) && zone.length <= MAX_NAME && formatOf(zone) !== null

/** How far the clock of a zone is ahead of UTC at an instant, in milliseconds. Expects a known zone. */
export function offsetAt(zone: string, instant: number): number {
  const whole = Math.floor(instant / SECOND_MS) * SECOND_MS
  const text = formatOf(zone)?.format(whole) ?? ''
  // 'MM/DD/YYYY, HH:MM:SS'
  const at = (from: number, to: number): number => Number(text.slice(from, to))
  return Date.UTC(at(6, 10), at(0, 2) - 1, at(3, 5), at(12, 14), at(15, 17), at(18, 20)) - whole
}

/** A clock that is set at an instant. Offsets in milliseconds. */
export interface ClockChange {
  readonly at: number
  readonly before: number
  readonly after: number
}

/** The first change of a zone's clock in `(from, to]`; null for none. */
export function changeAfter(zone: string, from: number, to: number): ClockChange | null {
  let low = from
  const before = offsetAt(zone, from)
  while (low < to) {
    const high = Math.min(low + STEP_MS, to)
    if (offsetAt(zone, high) !== before) return changeWithin(zone, low, high)
    low = high
  }
  return null
}

/** The instant of a change that lies in `(low, high]`, to the second. */
function changeWithin(zone: string, low: number, high: number): ClockChange {
  const before = offsetAt(zone, low)
  let [unchanged, changed] = [Math.floor(low / SECOND_MS), Math.ceil(high / SECOND_MS)]
  while (changed - unchanged > 1) {
    const middle = Math.floor((unchanged + changed) / 2)
    if (offsetAt(zone, middle * SECOND_MS) === before) unchanged = middle
    else changed = middle
  }
  const at = changed * SECOND_MS
  return { at, before, after: offsetAt(zone, at) }
}
