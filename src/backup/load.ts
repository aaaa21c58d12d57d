import { createHash } from 'node:crypto'
import { finished } from 'node:stream/promises'
import { TICKET_GAP } from '../observe/audit/index.ts'
import type { CopyIn, Maintenance } from '../platform/db/driver/maintenance.ts'
import { applyRecorded } from '../platform/db/migrations.ts'
import { startProblem } from '../platform/kernel/startProblem.ts'
import { readArchive } from './archive.ts'
import type { ArchiveSource } from './archive.ts'
import { withoutConstraints } from './constraints.ts'
import { quoted, tableOfEntry } from './format.ts'
import type { Contents, Description } from './format.ts'
import type { InspectedBackup } from './inspect.ts'
import { copyOutOf } from './write.ts'

type Table = Description['tables'][number]

const COLUMNS = `select c.relname::text as name, array_agg(a.attname::text) as columns
  from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
  where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' group by c.relname`

/** Which tables of a backup the schema has. @throws an error with a sentence for the operator when the columns of one are others */
async function tablesToLoad(session: Maintenance, tables: readonly Table[]): Promise<Map<string, Table>> {
  const existing = new Map((await session.query<Table>(COLUMNS)).map(({ name, columns }) => [name, new Set(columns)]))
  const loaded = new Map<string, Table>()
  for (const table of tables) {
    const columns = existing.get(table.name)
    if (columns === undefined) continue
    if (table.columns.length !== columns.size || table.columns.some((column) => !columns.has(column)))
      throw startProblem(`The table ${table.name} of the backup has other columns than its migrations make: the schema was changed by hand`)
    loaded.set(table.name, table)
  }
  return loaded
}

/** Writes the portions of one table after the other. */
export interface Loader {
  write(table: Table, part: Buffer): Promise<void>
  /** Ends the table in progress. */
  end(): Promise<void>
  readonly rows: ReadonlyMap<string, number>
}

interface TableInProgress {
  readonly name: string
  readonly copy: CopyIn
  readonly ended: Promise<void>
  /** Ends the wait for the portion that is being sent. */
  lost: (error: unknown) => void
  /** Why the copy broke off, which a later portion does not learn. */
  failure: unknown
}

function beginTable(session: Pick<Maintenance, 'copyIn'>, { name, columns }: Table): TableInProgress {
  const copy = session.copyIn(`copy public.${quoted(name)} (${columns.map(quoted).join()}) from stdin`)
  const ended = finished(copy)
  const table: TableInProgress = { name, copy, ended, lost: () => {}, failure: null }
  // One listener for the whole table: one for each portion would be kept until its end, hundreds of thousands for a large one.
  ended.catch((error: unknown) => {
    table.failure = error
    table.lost(error)
  })
  return table
}

/** Creates the writer of the tables of a backup. */
export function createLoader(session: Pick<Maintenance, 'copyIn'>): Loader {
  const rows = new Map<string, number>()
  let current: TableInProgress | undefined
  const end = async (): Promise<void> => {
    if (current === undefined) return
    const { name, copy, ended } = current
    current = undefined
    copy.end()
    await ended
    rows.set(name, copy.rowCount)
  }
  return {
    rows,
    end,
    async write(table, part) {
      if (current?.name !== table.name) {
        await end()
        current = beginTable(session, table)
      }
      const writing = current
      await new Promise<void>((resolve, reject) => {
        // The connection may be lost while a portion waits, and then no answer to it comes.
        writing.lost = reject
        writing.copy.write(part, (error) => (error ? reject(writing.failure ?? error) : resolve()))
      })
    },
  }
}

const SEQUENCES = `select s.relname::text as name, case when t.oid is not null then format('%I.%I', n.nspname, t.relname) end as "table", quote_ident(a.attname) as column
  from pg_class s join pg_namespace n on n.oid = s.relnamespace
  left join pg_depend d on d.classid = 'pg_class'::regclass and d.objid = s.oid and d.deptype in ('a', 'i') and d.refobjsubid > 0
  left join pg_class t on t.oid = d.refobjid left join pg_attribute a on a.attrelid = t.oid and a.attnum = d.refobjsubid
  where n.nspname = 'public' and s.relkind = 'S'`

/** Events between a backup and the loss had the tickets behind it, and cursors of clients name them: they are never given again. */
export const leaveTicketGap = async (session: Maintenance): Promise<void> =>
  void (await session.query("select setval('public.event_tickets', greatest(counter, newest) + $1::bigint) from event_ticket_lag()", [
    String(TICKET_GAP),
  ]))

/** Moves every sequence behind what the backup gave out, and behind every row. */
async function setSequences(session: Maintenance, { sequences }: Contents): Promise<void> {
  const saved = new Map(sequences.map(({ name, value }) => [name, value]))
  for (const { name, table, column } of await session.query<{ name: string; table: string | null; column: string }>(SEQUENCES)) {
    const newest = table === null ? 'null::bigint' : `(select max(${column}) from ${table})`
    await session.query(
      `select setval($1::regclass, newest) from (select greatest($2::bigint, ${newest}) as newest) n where newest is not null`,
      [`public.${quoted(name)}`, saved.get(name) ?? null],
    )
  }
  await leaveTicketGap(session)
}

/** Reads back what Postgres stored: the same bytes as in the backup, table by table. */
async function requireEqual(session: Maintenance, tables: ReadonlyMap<string, Table>, { tables: contents }: Contents): Promise<void> {
  for (const { name, sha256 } of contents) {
    const table = tables.get(name)
    if (table === undefined) continue
    const hash = createHash('sha256')
    for await (const part of session.copyOut(copyOutOf(table)) as AsyncIterable<Buffer>) hash.update(part)
    if (hash.digest('hex') !== sha256) throw startProblem(`The table ${name} is not as it was in the backup after its rows were loaded`)
  }
}

/** The result of a load. */
export interface Loaded {
  readonly rows: Readonly<Record<string, number>>
  /** Tables of the backup that are none of this program. */
  readonly leftOut: readonly string[]
}

/**
 * (transaction of the caller) Gives an empty database the schema of the backup and all of its rows. Foreign keys, numbers of rows and
 * contents are checked.
 * @throws an error with a sentence for the operator; the database's error
 */
export async function loadBackup(
  session: Maintenance,
  source: ArchiveSource,
  { description, contents, digest }: InspectedBackup,
  folder?: string,
): Promise<Loaded> {
  await applyRecorded(session.connection, description.migrations, folder)
  const tables = await tablesToLoad(session, description.tables)
  const putBack = await withoutConstraints(session)
  const loader = createLoader(session)
  const read = await readArchive(source, async ({ name, body }) => {
    const table = tables.get(tableOfEntry(name) ?? '')
    for await (const part of body) if (table !== undefined) await loader.write(table, part)
  })
  await loader.end()
  if (read !== digest) throw startProblem('The file of the backup was replaced while it was read')
  for (const { name, rows } of contents.tables)
    if (tables.has(name) && (loader.rows.get(name) ?? 0) !== rows)
      throw startProblem(`The table ${name} got ${loader.rows.get(name) ?? 0} rows and the backup has ${rows}`)
  await setSequences(session, contents)
  await putBack()
  await requireEqual(session, tables, contents)
  return {
    rows: Object.fromEntries([...tables.keys()].map((name) => [name, loader.rows.get(name) ?? 0])),
    leftOut: description.tables.map(({ name }) => name).filter((name) => !tables.has(name)),
  }
}
