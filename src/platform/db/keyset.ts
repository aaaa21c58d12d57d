import { sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import { z } from 'zod'
import { decodeCursor, DEFAULT_LIMIT, encodeCursor, toPage } from '../kernel/page.ts'
import type { BoundedRows, Page } from '../kernel/page.ts'
import { param } from './statement.ts'
import type { Statement } from './statement.ts'
import type { PageDb } from './types.ts'

/** The types that a column of a sort key may have, with the form of their values in a cursor. */
const valueSchemas = {
  timestamptz: z.iso.datetime(),
  uuid: z.uuid(),
  text: z.string(),
  int: z.int().min(0).max(2_147_483_647),
  bigint: z.int(),
}

/** One column of the sort key of a list. */
interface KeyColumn<Field extends string> {
  /** The field of a row that has the column's value. */
  readonly field: Field
  /** SQL of the column; quoted and with its alias where the query needs one. */
  readonly column: string
  readonly type: keyof typeof valueSchemas
}

/** The parameters of a list statement that come from the page. */
export interface KeysetParams {
  readonly limit: number
  readonly [name: `after_${string}`]: string | number | null
}

/** The page that a client requests. */
export interface PageRequest {
  readonly limit?: number | undefined
  readonly after?: string | undefined
}

/** One page of a list, before it is read. */
export interface KeysetPage<Field extends string> {
  /** The most rows of the page. */
  readonly limit: number
  readonly hasCursor: boolean
  /** The condition that selects the rows after the cursor; null on the first page. */
  readonly condition: SQL | null
  /** The same with `and` before it; empty on the first page. */
  readonly andAfterCursor: SQL
  /** The parameters of the condition, and `limit`: one row more than the page has, which shows whether a page follows. */
  readonly params: KeysetParams
  /**
   * Reads the page: at most its rows, and at most `PAGE_BYTES` of them.
   * @param params with the `params` of the page
   */
  read<P, R extends Readonly<Record<Field, string | number>>>(db: PageDb, list: Statement<P, R, 'read'>, params: P): Promise<Page<R>>
  /** Cuts the rows that were read into the page. */
  toPage<R extends Readonly<Record<Field, string | number>>>(rows: BoundedRows<R>): Page<R>
}

/** The order of a list by a unique sort key. */
export interface Keyset<Field extends string> {
  /** The list of an `order by`. */
  readonly orderBy: SQL
  /** @throws Refusal `malformed_cursor` */
  page(request: PageRequest): KeysetPage<Field>
  /** The sort key of a row, which is what a cursor holds. */
  keyOf(row: Readonly<Record<Field, string | number>>): readonly (string | number)[]
}

/**
 * Declares the order of a list that is read page by page with a cursor. All columns have the same direction, so one
 * comparison of rows selects what follows the cursor.
 * @param columns the sort key; together they are unique
 */
export function keyset<const Field extends string>(direction: 'asc' | 'desc', columns: readonly KeyColumn<Field>[]): Keyset<Field> {
  const paramNames = columns.map(({ field }): `after_${Field}` => `after_${field}`)
  const cursorSchema = z.tuple(columns.map(({ type }) => valueSchemas[type]) as unknown as [z.ZodType<string | number>])
  const columnList = columns.map(({ column }) => sql.raw(column))
  const valueList = columns.map(({ type }, index) => param(paramNames[index] as string, type))
  const tuple = (items: readonly SQL[]): SQL => (items.length === 1 ? (items[0] as SQL) : sql`(${sql.join([...items], sql`, `)})`)
  const afterCursor = sql`${tuple(columnList)} ${sql.raw(direction === 'asc' ? '>' : '<')} ${tuple(valueList)}`
  const keyOf = (row: Readonly<Record<Field, string | number>>): (string | number)[] => columns.map(({ field }) => row[field])
  return {
    orderBy: sql.join(
      columnList.map((column) => (direction === 'asc' ? column : sql`${column} desc`)),
      sql`, `,
    ),
    keyOf,
    page(request) {
      const limit = request.limit ?? DEFAULT_LIMIT
      const cursor = request.after === undefined ? null : decodeCursor<z.ZodType<readonly (string | number)[]>>(request.after, cursorSchema)
      const cursorParams = Object.fromEntries(paramNames.map((name, index) => [name, cursor?.[index] ?? null]))
      const pageOf = <R extends Readonly<Record<Field, string | number>>>(rows: BoundedRows<R>): Page<R> =>
        toPage(rows, limit, (row) => encodeCursor(keyOf(row)))
      return {
        limit,
        hasCursor: cursor !== null,
        condition: cursor === null ? null : afterCursor,
        andAfterCursor: cursor === null ? sql`` : sql`and ${afterCursor}`,
        params: { ...cursorParams, limit: limit + 1 },
        read: async (db, list, params) => pageOf(await db.runPage(list, params, limit + 1)),
        toPage: pageOf,
      }
    },
  }
}

/** The order of most lists: by creation. @param alias of the table in the query */
export function byCreation(direction: 'asc' | 'desc', alias?: string): Keyset<'createdAt' | 'id'> {
  const prefix = alias === undefined ? '' : `${alias}.`
  return keyset(direction, [
    { field: 'createdAt', column: `${prefix}created_at`, type: 'timestamptz' },
    { field: 'id', column: `${prefix}id`, type: 'uuid' },
  ])
}

/** A query whose rows are to fit into a number of bytes. */
interface SizedQuery {
  /** Its rows are called `rows` in the other parts. */
  readonly select: SQL
  readonly orderBy: SQL
  /** The bytes of a row. */
  readonly size: SQL
  readonly maxBytes: number
}

/**
 * The first rows of a query that fit, and at least one: for lists inside of a row or of a transaction, which have no
 * pages. It adds the column `bytesBefore`.
 */
export const withinBytes = ({ select, orderBy, size, maxBytes }: SizedQuery): SQL => sql`
  select * from (select rows.*, (sum(${size}) over (order by ${orderBy} rows unbounded preceding) - ${size})::int8 as "bytesBefore"
    from (${select}) rows) sized where "bytesBefore" < ${sql.raw(String(maxBytes))} order by ${orderBy}`
