import { invariant } from './errors.ts'

/** The row of a result that has exactly one. Any other number of rows is a bug and not a refusal. @throws Error */
export function exactlyOne<T>(rows: readonly T[]): T {
  invariant(rows.length === 1, `expected exactly one row, got ${rows.length}`)
  return rows[0] as T
}
