// The time that the page of costs is about. Costs count by the day in UTC, as budgets do.

/** The ranges that have a name in the address; the first has none. */
export const rangeNames = ['', 'last-month', '7-days', 'custom'] as const
export type RangeName = (typeof rangeNames)[number]

/** A range of days. */
export interface Range {
  readonly name: RangeName
  /** The first and the last day of it, as `2026-01-31`; null where a custom range is open. */
  readonly first: string | null
  readonly last: string | null
}

const DAY_MS = 24 * 60 * 60 * 1000
const dayOf = (instant: number): string => new Date(instant).toISOString().slice(0, 10)

const isDay = (text: string | null): text is string =>
  text !== null && /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(text)) && dayOf(Date.parse(text)) === text

/** The range that an address has. @param now the present instant in milliseconds */
export function rangeOf(query: URLSearchParams, now: number): Range {
  const name = rangeNames.find((one) => one === query.get('range')) ?? ''
  const at = new Date(now)
  const monthDay = (month: number, day: number): string => dayOf(Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + month, day))
  if (name === 'last-month') return { name, first: monthDay(-1, 1), last: monthDay(0, 0) }
  if (name === '7-days') return { name, first: dayOf(now - 6 * DAY_MS), last: dayOf(now) }
  if (name === '') return { name, first: monthDay(0, 1), last: monthDay(1, 0) }
  const [first, last] = [query.get('from'), query.get('to')]
  return { name, first: isDay(first) ? first : null, last: isDay(last) ? last : null }
}

/** Whether a custom range ends before it begins. */
export const isBackward = ({ first, last }: Range): boolean => first !== null && last !== null && last < first

const beginningOf = (day: string): string => `${day}T00:00:00.000Z`

/** The range as the server takes it: from the beginning of its first day up to the beginning of the day behind its last. */
export const queryOf = ({ first, last }: Range): { readonly from: string | null; readonly to: string | null } => ({
  from: first === null ? null : beginningOf(first),
  to: last === null ? null : beginningOf(dayOf(Date.parse(last) + DAY_MS)),
})

const dayFormat = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeZone: 'UTC' })
const monthFormat = new Intl.DateTimeFormat(undefined, { month: 'long', year: 'numeric', timeZone: 'UTC' })

/** The range in words: "January 2026", "Jan 1, 2026 to Jan 7, 2026". */
export function rangeWords({ name, first, last }: Range): string {
  if (first !== null && (name === '' || name === 'last-month')) return monthFormat.format(Date.parse(first))
  const day = (text: string): string => dayFormat.format(Date.parse(text))
  if (first === null) return last === null ? 'since the beginning' : `up to ${day(last)}`
  return last === null ? `since ${day(first)}` : first === last ? day(first) : `${day(first)} to ${day(last)}`
}
