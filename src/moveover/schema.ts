// Which schemas of a source are known: every column that is read is there with its type, and the last migration is of a release that was tried.

import { startProblem } from '../platform/kernel/startProblem.ts'
import { typesOf } from './columns.ts'
import type { Columns, SourceTable } from './columns.ts'
import type { LinkTable } from './read.ts'
import type { SourceConnection } from './source.ts'

/** A release of Paperclip that was tried, with the time of the last migration in its database. */
interface KnownRelease {
  readonly name: string
  readonly lastMigration: number
}

/** The releases that were tried, oldest first. One between two of them is taken when its columns fit. */
const knownReleases: readonly KnownRelease[] = [{ name: '2026.403.0', lastMigration: 1_775_145_655_557 }]

const knownNames = (): string => knownReleases.map(({ name }) => name).join(' and ')

const refuseSchema = (what: string): never => {
  throw startProblem(
    `The source has a schema that this server does not know: ${what}. Known are the databases of Paperclip ${knownNames()}, and of releases between them: bring the source to one of them, or this server to a newer release`,
  )
}

// The views of information_schema leave out what the login may not read, and a table would be missing from the report.
const SELECT_COLUMNS = `select c.relname::text as "table", a.attname::text as "column", t.typname::text as type
  from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_type t on t.oid = a.atttypid
  where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'f') and a.attnum > 0 and not a.attisdropped limit 20000`

interface SourceColumn {
  readonly table: string
  readonly column: string
  readonly type: string
}

/** The release of a source, by its last migration. */
async function releaseOf(source: SourceConnection): Promise<string> {
  const [found] = await source.query<{ exists: boolean }>(`select to_regclass('drizzle.__drizzle_migrations') is not null as exists`)
  if (found?.exists !== true) return refuseSchema('it has no table drizzle.__drizzle_migrations, so it is no database of Paperclip')
  const [row] = await source.query<{ last: number | null }>(`select max(created_at)::float8 as last from drizzle.__drizzle_migrations`)
  const last = row?.last ?? 0
  const [oldest, newest] = [knownReleases[0], knownReleases.at(-1)]
  if (oldest === undefined || newest === undefined || last < oldest.lastMigration)
    return refuseSchema(`its last migration is of ${dayOf(last)}, before that of ${oldest?.name ?? 'any release'}`)
  if (last > newest.lastMigration) return refuseSchema(`its last migration is of ${dayOf(last)}, behind that of ${newest.name}`)
  const exact = knownReleases.find(({ lastMigration }) => lastMigration === last)
  return exact?.name ?? `between ${knownReleases.findLast(({ lastMigration }) => lastMigration < last)?.name ?? ''} and ${newest.name}`
}

const dayOf = (ms: number): string => (ms > 0 && ms < 4e12 ? new Date(ms).toISOString().slice(0, 10) : 'an unknown day')

/** The parts of a source's schema that decide what can be read. */
export interface SourceSchema {
  readonly release: string
  /** The names of its tables, with whether each has a column `company_id`. */
  readonly tables: ReadonlyMap<string, { readonly hasCompany: boolean }>
}

/**
 * Checks that everything that is read exists with its type.
 * @throws a problem that names what is missing, and what is known
 */
export async function checkSchema(
  source: SourceConnection,
  tables: readonly SourceTable[],
  links: readonly LinkTable[],
  companies: Columns,
): Promise<SourceSchema> {
  const release = await releaseOf(source)
  const rows = await source.query<SourceColumn>(SELECT_COLUMNS)
  const types = new Map(rows.map(({ table, column, type }) => [`${table}.${column}`, type]))
  const missing: string[] = []
  const require = (table: string, column: string, allowed: readonly string[], isNewer = false): void => {
    const type = types.get(`${table}.${column}`)
    if (type === undefined && isNewer) source.absent.add(`${table}.${column}`)
    else if (type === undefined) missing.push(`${table}.${column}`)
    else if (!allowed.includes(type)) missing.push(`${table}.${column} as ${allowed[0] ?? ''}`)
  }
  for (const { name, joins = {}, columns } of tables) {
    require(name, 'company_id', ['uuid'])
    for (const { column, kind, isNewer } of Object.values(columns)) {
      const [alias = '', joined] = column.split('.')
      require(joined === undefined ? name : (joins[alias]?.table ?? name), joined ?? column, typesOf[kind], isNewer)
    }
  }
  for (const { column, kind } of Object.values(companies)) require('companies', column, typesOf[kind])
  for (const { name, from, to } of links) for (const column of [from, to]) require(name, column, ['uuid'])
  if (missing.length > 0) return refuseSchema(`it has no ${[...new Set(missing)].slice(0, 10).join(', ')}`)
  const names = new Set(rows.map(({ table }) => table))
  return { release, tables: new Map([...names].map((name) => [name, { hasCompany: types.has(`${name}.company_id`) }])) }
}
