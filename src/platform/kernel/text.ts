/** The first `length` characters of a text, never half of one: a lone surrogate is no JSON that Postgres takes. */
export const truncate = (text: string, length: number): string => text.slice(0, length).replace(/[\uD800-\uDBFF]$/, '')

/** Longest text an audit row repeats; the row it is about has the rest. */
const MAX_AUDITED_LENGTH = 500

/** A value as an audit row repeats it: long texts are cut and say how long they were. */
export const truncateForAudit = (value: unknown): unknown =>
  typeof value === 'string' && value.length > MAX_AUDITED_LENGTH
    ? `${truncate(value, MAX_AUDITED_LENGTH)}… (${value.length} characters)`
    : value
