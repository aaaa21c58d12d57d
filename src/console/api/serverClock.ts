// The clock of the server, as the `Date` headers of its answers tell it: leases and ages are compared with the server's time, not with the reader's.

/** A `Date` header has whole seconds. */
const RESOLUTION = 1000

/** The difference of two clocks lies between these, in milliseconds. */
export interface Bounds {
  readonly low: number
  readonly high: number
}

/** An answer with the time of the server, and when it was asked for and came by the clock of the page. */
export interface Timed {
  readonly date: number
  readonly askedAt: number
  readonly cameAt: number
}

/** Bounds after one more answer. Answers that contradict those before mean that a clock was set: they begin anew. */
export function narrowed(before: Bounds | null, { date, askedAt, cameAt }: Timed): Bounds {
  const own = { low: date - cameAt, high: date + RESOLUTION - askedAt }
  if (before === null) return own
  const both = { low: Math.max(before.low, own.low), high: Math.min(before.high, own.high) }
  return both.low <= both.high ? both : own
}

/** The difference to add to the clock of the page. Clocks that may agree do agree. */
export const offsetOf = (bounds: Bounds | null): number =>
  bounds === null || (bounds.low <= 0 && bounds.high >= 0) ? 0 : Math.round((bounds.low + bounds.high) / 2)

let bounds: Bounds | null = null

/** Functions that hear when the time of the server turns out to be another one. */
const onSet = new Set<() => void>()

/** Hears when the time of the server turns out to be another one than was assumed. */
export function whenServerTimeSet(react: () => void): void {
  onSet.add(react)
}

/** Learns from an answer. @param header its `Date`; null where it has none */
export function noteServerTime(header: string | null, askedAt: number): void {
  const cameAt = Date.now()
  const date = Date.parse(header ?? '')
  // A clock of the page that was set back between question and answer proves nothing.
  if (Number.isNaN(date) || cameAt < askedAt) return
  const before = offsetOf(bounds)
  bounds = narrowed(bounds, { date, askedAt, cameAt })
  if (Math.abs(offsetOf(bounds) - before) >= RESOLUTION) for (const react of onSet) react()
}

/** The time of the server, as far as it is known. */
export const serverNow = (): number => Date.now() + offsetOf(bounds)
