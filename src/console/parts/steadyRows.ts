/** Rows in an order that was held, and what the list has become behind it. */
export interface SteadyRows<T> {
  readonly rows: readonly T[]
  /** How many rows have come in between; they are not shown yet. */
  readonly added: number
  /** The keys of rows that the list has no more; they are shown as they last were. */
  readonly gone: ReadonlySet<string>
}

const noneGone: ReadonlySet<string> = new Set()

/** Rows as they are, with nothing held back. */
export const unheld = <T>(rows: readonly T[]): SteadyRows<T> => ({ rows, added: 0, gone: noneGone })

/**
 * Keeps the order of the rows that are shown: each has its new content in its old place. Rows that follow behind the last one come in
 * at the end, because they move nothing.
 * @param shown the rows in the order that is kept
 * @param hasMore whether the list goes on; then a row that has left its end may only have been pushed behind it
 */
export function holdOrder<T>(shown: readonly T[], now: readonly T[], keyOf: (row: T) => string, hasMore: boolean): SteadyRows<T> {
  const present = new Map(now.map((row, index) => [keyOf(row), index]))
  const keys = shown.map(keyOf)
  const lastKept = keys.findLastIndex((key) => present.has(key))
  const end = keys.reduce((furthest, key) => Math.max(furthest, present.get(key) ?? -1), -1)
  const shownKeys = new Set(keys)
  const behind = now.filter((row, index) => index > end && !shownKeys.has(keyOf(row)))
  const added = now.filter((row, index) => index < end && !shownKeys.has(keyOf(row))).length
  const gone = keys.filter((key, index) => !present.has(key) && (!hasMore || index < lastKept))
  const kept = shown.map((row, index) => now[present.get(keys[index] ?? '') ?? -1] ?? row)
  return { rows: behind.length === 0 ? kept : [...kept, ...behind], added, gone: gone.length === 0 ? noneGone : new Set(gone) }
}
