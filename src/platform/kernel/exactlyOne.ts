import { invariant } from './errors.ts'

/** The one row of a result that can only have one. Anything else is a bug, not a refusal. */
export function exactlyOne<T>(rows: readonly T[]): T {
  invariant(rows.length === 1, `expected exactly one row, got ${rows.length}`)
  return rows[0] as T
}
