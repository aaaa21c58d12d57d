/** The first `length` characters of a text without a lone surrogate at the end: Postgres refuses JSON that contains one. */
export const truncate = (text: string, length: number): string => text.slice(0, length).replace(/[\uD800-\uDBFF]$/, '')

/** The longest text that an audit row repeats. The changed row has the whole text. */
const MAX_AUDITED_LENGTH = 500

/** A value in the form of an audit row: a long text is cut, and its length is appended. */
export const truncateForAudit = (value: unknown): unknown =>
  typeof value === 'string' && value.length > MAX_AUDITED_LENGTH
    ? `${truncate(value, MAX_AUDITED_LENGTH)}… (${value.length} characters)`
    : value
