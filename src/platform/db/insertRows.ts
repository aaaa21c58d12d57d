import { getTableColumns, sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import type { PgTable } from 'drizzle-orm/pg-core'
import { invariant } from '../kernel/errors.ts'
import { param, statement } from './statement.ts'
import type { Tx } from './types.ts'

/** A column of the rows that an `insertRows` reads, for the expressions of computed columns. */
export const rowColumn = (key: string): SQL => sql`r.${sql.identifier(key)}`

interface InsertOptions {
  /** Columns that are expressions over the row (`rowColumn`), further ones or instead of the given value. */
  readonly computed?: Readonly<Record<string, SQL>>
  /** The select list of what the insert returns, if anything. */
  readonly returning?: SQL
}

/**
 * Declares the insert of any number of rows of one table in one statement. The rows are one parameter, so the statement
 * keeps its name and its plan, and a thousand rows cost one round trip.
 *
 * @param keys the columns that each row gives; a value that a row leaves out becomes null and not the default of the column
 */
export function insertRows<T extends PgTable, K extends keyof T['$inferInsert'] & string, R = never>(
  name: string,
  table: T,
  keys: readonly K[],
  { computed = {}, returning }: InsertOptions = {},
): (tx: Tx, rows: readonly Pick<T['$inferInsert'], K>[]) => Promise<readonly R[]> {
  const columns = getTableColumns(table)
  const columnOf = (key: string) => {
    const column = columns[key]
    invariant(column !== undefined, `${name} names the unknown column ${key}`)
    return column
  }
  const list = (items: readonly SQL[]): SQL => sql.join([...items], sql`, `)
  const written = [...new Set([...keys, ...Object.keys(computed)])]
  const targets = written.map((key) => sql`${sql.identifier(columnOf(key).name)}`)
  const values = written.map((key) => computed[key] ?? rowColumn(key))
  const types = keys.map((key) => sql`${sql.identifier(key)} ${sql.raw(columnOf(key).getSQLType())}`)
  const insert = statement<{ rows: string }, R>(name).write(sql`
    insert into ${table} (${list(targets)}) select ${list(values)} from jsonb_to_recordset(${param('rows', 'jsonb')}) as r (${list(types)})
    ${returning === undefined ? sql`` : sql`returning ${returning}`}`)
  return async (tx, rows) => (rows.length === 0 ? [] : await tx.run(insert, { rows: JSON.stringify(rows) }))
}
