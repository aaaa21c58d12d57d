/** The first `length` characters of a text, never half of one: a lone surrogate is no JSON that Postgres takes. */
export const shorten = (text: string, length: number): string => text.slice(0, length).replace(/[\uD800-\uDBFF]$/, '')
