import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { migrate } from 'drizzle-orm/node-postgres/migrator'
import { drizzleOn } from '../../platform/db/driver/client.ts'
import type { Pool } from '../../platform/db/driver/client.ts'

/**
 * A home as release d4ff285 left it while it ran: every row as the text that Postgres printed, and the files of the home
 * but Postgres's own. Its keys were made for this file and protect nothing. The first line describes the home, each
 * further line is one row.
 */
const FIXTURE = new URL('../../server/fixtures/home-d4ff285.ndjson', import.meta.url)
/** The first line of the releaseFixture. */
interface Fixture {
  /** The migrations that the release knew, by name. */
  readonly migrations: readonly string[]
  /** No transaction of the release had this id or a higher one. */
  readonly nextTxid: string
  readonly sequences: Readonly<Record<string, string>>
  readonly files: Readonly<Record<string, string>>
  readonly facts: {
    readonly companyId: string
    /** Agents that run elsewhere, with their API keys. */
    readonly pilot: { readonly id: string; readonly key: string }
    readonly mate: { readonly id: string; readonly key: string }
    readonly clerkIssueId: string
    readonly heldIssueId: string
    readonly freeIssueId: string
    readonly queuedIssueId: string
    readonly liveRunId: string
    readonly queuedRunId: string
    readonly approvalId: string
    readonly sealedRows: number
    readonly recordedHeads: number
    readonly headHash: string
  }
}

export interface FixtureRow {
  readonly table: string
  readonly row: Readonly<Record<string, string | null>>
}

const [header = '', ...lines] = readFileSync(FIXTURE, 'utf8').trimEnd().split('\n')
export const releaseFixture = JSON.parse(header) as Fixture
const rows = lines.map((line) => JSON.parse(line) as FixtureRow)

const migrationsFolder = fileURLToPath(new URL('../../../drizzle', import.meta.url))

/** Brings an empty database to the schema of the release: applies its migrations and none that came later. */
export async function migrateAsTheRelease(pool: Pool, home: string): Promise<void> {
  const folder = path.join(home, 'migrations')
  cpSync(migrationsFolder, folder, { recursive: true })
  const journalFile = path.join(folder, 'meta', '_journal.json')
  const journal = JSON.parse(readFileSync(journalFile, 'utf8')) as { entries: { tag: string }[] }
  const entries = journal.entries.filter(({ tag }) => releaseFixture.migrations.includes(tag))
  if (entries.length !== releaseFixture.migrations.length) throw new Error('a migration of the release is missing')
  writeFileSync(journalFile, JSON.stringify({ ...journal, entries }))
  const connection = await pool.connect()
  await migrate(drizzleOn(connection), { migrationsFolder: folder })
  connection.release(true)
}

const quoted = (name: string): string => `"${name}"`

/**
 * Inserts the rows as they were. Triggers and foreign keys stay out of it, as in a restore of a dump.
 * @param more further rows, with the columns that the release had
 */
export async function restoreRows(pool: Pool, more: readonly FixtureRow[] = []): Promise<void> {
  const connection = await pool.connect()
  await connection.query("set session_replication_role = 'replica'")
  for (const { table, row } of [...rows, ...more]) {
    const columns = Object.keys(row)
    const places = columns.map((_, index) => `$${index + 1}`)
    await connection.query(
      `insert into ${quoted(table)} (${columns.map(quoted).join()}) overriding system value values (${places.join()})`,
      Object.values(row),
    )
  }
  for (const [name, value] of Object.entries(releaseFixture.sequences))
    await connection.query('select setval($1::regclass, $2)', [name, value])
  // Time has passed since the fixture was made, and its runs are to be as live as they were then.
  await connection.query("update heartbeat_runs set lease_expires_at = now() + interval '1 hour' where finished_at is null")
  // The transactions of the fixture lie in the past of this cluster, as they do in the cluster that made them.
  await connection.query(
    `do $$ begin while pg_current_xact_id()::text::bigint < ${Number(releaseFixture.nextTxid)} loop commit; end loop; end $$`,
  )
  connection.release(true)
}

/** A row of the fixture with some columns changed. */
export function rowLike(table: string, column: string, value: string, changes: FixtureRow['row']): FixtureRow {
  const found = rows.find((each) => each.table === table && each.row[column] === value)
  if (found === undefined) throw new Error(`no row of ${table} has the ${column} ${value}`)
  return { table, row: { ...found.row, ...changes } }
}

/** Writes the files of the home. */
export function writeReleaseFiles(home: string): void {
  for (const [name, content] of Object.entries(releaseFixture.files)) writeFileSync(path.join(home, name), content, { mode: 0o600 })
}
