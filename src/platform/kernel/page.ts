import { z } from 'zod'
import { isCanonicalBase64url } from './base64url.ts'
import { refuse } from './errors.ts'
import { mapInTurns } from './turns.ts'

/** Rows of a page when the request has no limit. A longer bare array is of no use to a client. */
export const DEFAULT_LIMIT = 200
/** Sizes of pages that are asked for often. A statement that is planned once has such a size in its text. */
export const usualLimits: ReadonlySet<number> = new Set([50, DEFAULT_LIMIT])
/** The most rows of one answer; the same as in Paperclip's API. */
const MAX_LIMIT = 1000

/** `?limit=` and `?after=` of every list. */
export const pageQuery = {
  limit: z.coerce.number().int().min(1).max(MAX_LIMIT).optional(),
  after: z.string().max(1000).optional(),
}

/**
 * Bytes of one page: of its rows as they are loaded, and of its JSON. A page that reaches them ends early, has at least one
 * row, and its cursor goes on after it. Without this bound a page of 1,000 long descriptions would be a hundred megabytes.
 */
export const PAGE_BYTES = 4_000_000

/** A page of a list. The items become the body, a bare array; the cursor is sent in the `Link` header. */
export interface Page<T> {
  readonly items: readonly T[]
  /** Opaque cursor of the last row; null on the last page. */
  readonly next: string | null
  /** The cursor of the row with an index, for a page that has to end after it. */
  readonly cursorAfter: (index: number) => string
}

/** The same page with other items, one for each. Four megabytes of small values take longer than one turn of the event loop. */
export const mapPage = async <T, U>({ items, ...page }: Page<T>, toItem: (item: T) => U): Promise<Page<U>> => ({
  ...page,
  items: await mapInTurns(items, toItem),
})

/** The first `count` items of a page, as a page. */
export const shortenPage = <T>(page: Page<T>, count: number): Page<T> =>
  count >= page.items.length ? page : { ...page, items: page.items.slice(0, count), next: page.cursorAfter(count - 1) }

/** The rows of a read that may have ended early because of their bytes. */
export interface BoundedRows<T> {
  readonly rows: readonly T[]
  /** Rows followed that were not loaded. */
  readonly isCut: boolean
}

/** Encodes the sort key of a row. */
export const encodeCursor = (key: readonly (string | number)[]): string => Buffer.from(JSON.stringify(key)).toString('base64url')

/**
 * Decodes a cursor and checks it against the shape of the sort key.
 * @throws Refusal `malformed_cursor` for a cursor that this server did not create for this list
 */
export function decodeCursor<T extends z.ZodType>(cursor: string, shape: T): z.output<T> {
  if (!isCanonicalBase64url(cursor)) return refuse('malformed_cursor')
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
 * Makes a page of a result that was read with `limit + 1` rows, or ended early.
 * @param cursorOf the cursor of a row
 */
export function toPage<T>({ rows, isCut }: BoundedRows<T>, limit: number, cursorOf: (row: T) => string): Page<T> {
  const cursorAfter = (index: number): string => cursorOf(rows[index] as T)
  if (rows.length <= limit && !isCut) return { items: rows, next: null, cursorAfter }
  const items = rows.slice(0, limit)
  return { items, next: cursorAfter(items.length - 1), cursorAfter }
}
