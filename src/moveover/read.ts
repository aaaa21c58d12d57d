// Reads rows of a declared table, in pages that are bounded in rows and in bytes. The texts of its queries are made from declarations of this
// room alone.

import type { Columns, SourceRow, SourceTable } from './columns.ts'
import type { SourceConnection } from './source.ts'

/** Rows of one page, and of one transaction that writes them. */
export const PAGE_ROWS = 500
/** Bytes of the texts of one page. */
const PAGE_TEXT_BYTES = 4_000_000
/** The longest row. No text that this server takes is half as long. */
const MAX_ROW_BYTES = 2_500_000
/** Keys that are read at once. */
const KEY_ROWS = 5000

const qualified = (column: string): string => (column.includes('.') ? column : `t.${column}`)

const expressionOf = ({ column, kind }: Columns[string]): string => {
  const name = qualified(column)
  switch (kind) {
    case 'int':
      return `${name}::float8`
    case 'bool':
      return name
    case 'time':
      // An infinite instant and one before Christ have no form that says so; as text they do not fit, which is reported.
      return `case when ${name} between '1970-01-01' and '2999-12-31' then to_char(${name} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') else ${name}::text end`
    case 'uuid':
      return `${name}::text`
    case 'text':
    case 'day':
    case 'json':
      // The lengths were measured in a read before. A table of the source may be a view that answers anew each time, so the read is bounded, too.
      return `left(${name}::text, ${MAX_ROW_BYTES})`
  }
}

const hasLength = ({ kind }: Columns[string]): boolean => kind === 'text' || kind === 'json' || kind === 'day'

/** Whether a source has a column. */
const isIn =
  ({ absent }: Pick<SourceConnection, 'absent'>, { name }: Pick<SourceTable, 'name'>) =>
  ({ column }: Columns[string]): boolean =>
    !absent.has(`${name}.${column}`)

/** An expression for the bytes of all texts of a row. */
export const sizeOf = (source: SourceConnection, table: Pick<SourceTable, 'name' | 'columns'>): string =>
  [
    '0',
    ...Object.values(table.columns)
      .filter(isIn(source, table))
      .filter(hasLength)
      .map(({ column }) => `coalesce(octet_length(${qualified(column)}::text), 0)`),
  ].join(' + ')

const fromOf = ({ name, joins = {} }: SourceTable): string =>
  [`${name} t`, ...Object.entries(joins).map(([alias, { table, on }]) => `join ${table} ${alias} on ${on}`)].join(' ')

/** The select list of columns, under their names here. */
export const selectListOf = (source: SourceConnection, table: Pick<SourceTable, 'name' | 'columns'>): string =>
  Object.entries(table.columns)
    .map(([key, column]) => `${isIn(source, table)(column) ? expressionOf(column) : 'null'} as "${key}"`)
    .join(', ')

/** A row by its key, before its texts are read. */
export interface RowKey {
  readonly id: string
  readonly parentId: string | null
  readonly size: number
}

/** How many rows of a company a table has. */
export async function countRows(source: SourceConnection, table: SourceTable, companyId: string): Promise<number> {
  const [row] = await source.query<{ count: number }>(
    `select count(*)::float8 as count from ${fromOf(table)} where t.company_id = $1::uuid`,
    [companyId],
  )
  return row?.count ?? 0
}

/** The keys of a company's rows in the order in which they were made. @param parent the column of the row above, for tables that are trees */
export async function* readKeys(
  source: SourceConnection,
  table: SourceTable,
  companyId: string,
  parent: string | null = null,
): AsyncGenerator<readonly RowKey[]> {
  const select = `select t.id::text as id, ${parent === null ? 'null' : `t.${parent}::text`} as "parentId", t.created_at::text as at,
    (${sizeOf(source, table)})::float8 as size from ${fromOf(table)} where t.company_id = $1::uuid`
  const order = `order by t.created_at, t.id limit ${KEY_ROWS}`
  let after: { readonly at: string; readonly id: string } | undefined
  for (;;) {
    const keys: (RowKey & { readonly at: string })[] =
      after === undefined
        ? await source.query(`${select} ${order}`, [companyId])
        : await source.query(`${select} and (t.created_at, t.id) > ($2::timestamptz, $3::uuid) ${order}`, [companyId, after.at, after.id])
    if (keys.length > 0) yield keys
    after = keys.at(-1)
    if (keys.length < KEY_ROWS) return
  }
}

/** Divides keys into pages. Keys of rows that are too long come apart from them. */
export function pagesOf(keys: readonly RowKey[]): { readonly pages: readonly (readonly string[])[]; readonly tooLong: readonly string[] } {
  const pages: string[][] = []
  const tooLong: string[] = []
  let bytes = Number.POSITIVE_INFINITY
  for (const { id, size } of keys) {
    if (size > MAX_ROW_BYTES) {
      tooLong.push(id)
      continue
    }
    const last = pages.at(-1)
    if (last === undefined || last.length >= PAGE_ROWS || bytes + size > PAGE_TEXT_BYTES) {
      pages.push([id])
      bytes = size
    } else {
      last.push(id)
      bytes += size
    }
  }
  return { pages, tooLong }
}

/** Reads rows by their ids, in the order of the ids. */
export async function readRows(
  source: SourceConnection,
  table: SourceTable,
  companyId: string,
  ids: readonly string[],
): Promise<readonly SourceRow[]> {
  const rows = await source.query<SourceRow>(
    `select ${selectListOf(source, table)} from ${fromOf(table)} where t.company_id = $1::uuid and t.id = any($2::uuid[])`,
    [companyId, ids],
  )
  const byId = new Map(rows.map((row) => [row['id'], row]))
  return ids.map((each) => byId.get(each)).filter((row) => row !== undefined)
}

/** A table that says which rows belong together: labels of issues, goals of projects. */
export interface LinkTable {
  readonly name: string
  readonly from: string
  readonly to: string
}

/** The links of rows, at most `limit` for each of them. */
export async function readLinks(
  source: SourceConnection,
  { name, from, to }: LinkTable,
  ids: readonly string[],
  limit: number,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const rows = await source.query<{ from: string; to: string }>(
    `select l.a::text as "from", l.b::text as "to" from (select ${from} as a, ${to} as b, row_number() over (partition by ${from} order by ${to}) as place
      from ${name} where ${from} = any($1::uuid[])) l where l.place <= $2::int`,
    [ids, limit],
  )
  const links = new Map<string, string[]>()
  for (const each of rows) links.set(each.from, [...(links.get(each.from) ?? []), each.to])
  return links
}
