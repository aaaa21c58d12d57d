import { truncateForAudit } from './text.ts'

/** A field that an input changes, with its new value. */
export type Change = readonly [key: string, value: unknown]

/** The fields that an input names and that differ from the row. An undefined value names nothing. */
export const changesOf = (row: object, input: object): Change[] => {
  const before = row as Readonly<Record<string, unknown>>
  return Object.entries(input).filter(([key, value]) => value !== undefined && JSON.stringify(value) !== JSON.stringify(before[key]))
}

/** The details of an event that records changed fields: the new values, the names, and the values of the row before. */
export interface ChangeDetails extends Record<string, unknown> {
  readonly changedKeys: string[]
  readonly _previous: Record<string, unknown>
}

/**
 * The details of an event that records changed fields.
 * @param row the row before the change
 * @param auditValue the form in which the audit repeats a value; long texts are cut if it is left out
 */
export function changeDetails(
  row: object,
  changes: readonly Change[],
  auditValue: (key: string, value: unknown) => unknown = (_, value) => truncateForAudit(value),
): ChangeDetails {
  const before = row as Readonly<Record<string, unknown>>
  return {
    ...Object.fromEntries(changes.map(([key, value]) => [key, auditValue(key, value)])),
    changedKeys: changes.map(([key]) => key),
    _previous: Object.fromEntries(changes.map(([key]) => [key, auditValue(key, before[key])])),
  }
}
