import { z } from 'zod'
import { refuse } from './errors.ts'

/** Rows of a page when the request has no limit. A longer bare array is of no use to a client. */
export const DEFAULT_LIMIT = 200
/** The most rows of one answer; the same as in Paperclip's API. */
const MAX_LIMIT = 1000

/** `?limit=` and `?after=` of every list. */
export const pageQuery = {
  limit: z.coerce.number().int().min(1).max(MAX_LIMIT).optional(),
  after: z.string().max(1000).optional(),
}

/** A page of a list. The items become the body, a bare array; the cursor is sent in the `Link` header. */
export interface Page<T> {
  readonly items: readonly T[]
  /** Opaque cursor of the last row; null on the last page. */
  readonly next: string | null
}

/** Encodes the sort key of a row. */
export const encodeCursor = (key: readonly (string | number)[]): string => Buffer.from(JSON.stringify(key)).toString('base64url')

/**
 * Decodes a cursor and checks it against the shape of the sort key.
 * @throws Refusal `malformed_cursor` for a cursor that this server did not create for this list
 */
export function decodeCursor<T extends z.ZodType>(cursor: string, shape: T): z.output<T> {
  let key: unknown
  try {
    key = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'))
  } catch {
    return refuse('malformed_cursor')
  }
  const parsed = shape.safeParse(key)
  return parsed.success ? parsed.data : refuse('malformed_cursor')
}

/**
 * Makes a page of a result that was read with `limit + 1` rows.
 * @param keyOf the sort key of a row, in the order of the list
 */
export function toPage<T>(rows: readonly T[], limit: number, keyOf: (row: T) => readonly (string | number)[]): Page<T> {
  if (rows.length <= limit) return { items: rows, next: null }
  const items = rows.slice(0, limit)
  return { items, next: encodeCursor(keyOf(items.at(-1) as T)) }
}
