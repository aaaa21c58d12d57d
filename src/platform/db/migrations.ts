import { readMigrationFiles } from 'drizzle-orm/migrator'
import { fileURLToPath } from 'node:url'
import { isStartProblem, startProblem } from '../kernel/startProblem.ts'
import type { Connection, Pool } from './driver/client.ts'

/** The migrations of this build, in the order of their journal. */
const migrationsFolder = fileURLToPath(new URL('../../../drizzle', import.meta.url))

/** A migration of this build. Its text decides what it is: the time only says when it was written. */
interface Migration {
  readonly hash: string
  /** When it was written, in milliseconds; unique among the migrations of a build. */
  readonly writtenAt: number
  readonly statements: readonly string[]
}

/** A migration that a database has recorded. */
export interface AppliedMigration {
  readonly hash: string
  readonly writtenAt: number
}

const dayOf = (writtenAt: number): string => new Date(writtenAt).toISOString().slice(0, 10)

/**
 * Compares what a database has with what this build has.
 *
 * Migrations of two branches can be applied in another order than they were written in, so every one that the database
 * does not have is pending, and not only those behind the newest that it has.
 *
 * @returns the pending migrations, in their order
 * @throws an error with a sentence for the operator when the database has a migration that this build does not know, or
 *   knows with another text
 */
function pendingMigrations(known: readonly Migration[], applied: readonly AppliedMigration[]): Migration[] {
  const knownHashes = new Set(known.map(({ hash }) => hash))
  const foreign = applied.filter(({ hash }) => !knownHashes.has(hash))
  const changed = foreign.find(({ writtenAt }) => known.some((migration) => migration.writtenAt === writtenAt))
  if (changed !== undefined)
    throw startProblem(
      `A migration of ${dayOf(changed.writtenAt)} was applied to the database with another text than this build has: ` +
        'install the build that migrated the database, or a release that follows it, without changes of the folder drizzle',
    )
  const [oldest] = known
  if (oldest !== undefined && foreign.length > 0 && foreign.length === applied.length)
    throw startProblem(
      `The database has ${foreign.length} migrations, and none of them is of this program: it belongs to another program, or to a release from before ` +
        `${dayOf(oldest.writtenAt)}, which this one cannot follow. Give an empty database; what Paperclip's has is moved over with "paperclip-server import"`,
    )
  const [first] = foreign.toSorted((a, b) => a.writtenAt - b.writtenAt)
  if (first !== undefined)
    throw startProblem(
      `The database was migrated by a newer build: it has ${foreign.length === 1 ? 'a migration' : `${foreign.length} migrations`} that this build ` +
        `does not know, the first of ${dayOf(first.writtenAt)}. Start that build or a newer one, or restore the backup from before the upgrade`,
    )
  const appliedHashes = new Set(applied.map(({ hash }) => hash))
  return known.filter(({ hash }) => !appliedHashes.has(hash))
}

/** Tables of every release from the first on: where one of them stands without a record of migrations, another program made it. */
const FIRST_TABLES = ['companies', 'agents', 'issues', 'heartbeat_runs', 'activity_log']

/** @throws an error with a sentence for the operator when the tables of another program are in the way of the first migration */
async function requireNoForeignTables(connection: Connection): Promise<void> {
  const { rows } = await connection.query<{ name: string }>(
    'select relname::text as name from pg_class where relnamespace = current_schema()::regnamespace and relname = any($1) order by 1',
    [FIRST_TABLES],
  )
  const [table] = rows
  if (table !== undefined)
    throw startProblem(
      `The database has a table "${table.name}" and no record of a migration: it belongs to another program, or was restored without its schema "drizzle". Give an empty database, or the whole backup`,
    )
}

/** Reads the migrations of a folder in the form of drizzle-kit. */
const readMigrations = (folder: string): Migration[] =>
  readMigrationFiles({ migrationsFolder: folder }).map(({ hash, folderMillis, sql }) => ({
    hash,
    writtenAt: folderMillis,
    statements: sql,
  }))

// Drizzle's own record, so that a database from before this file, and one that its tools made, is understood.
const CREATE_RECORD = `
  create schema if not exists drizzle;
  create table if not exists drizzle.__drizzle_migrations (id serial primary key, hash text not null, created_at bigint)`

/** The migrations that a database has recorded. Nothing is made where it has no record: the database may be another program's. */
async function readApplied(connection: Pick<Connection, 'query'>): Promise<AppliedMigration[]> {
  const { rows: records } = await connection.query("select 1 where to_regclass('drizzle.__drizzle_migrations') is not null")
  if (records.length === 0) return []
  const read = 'select hash, created_at::float8 as "writtenAt" from drizzle.__drizzle_migrations'
  return (await connection.query<AppliedMigration>(read)).rows
}

/** How the schema of a database stands to this build. */
export interface SchemaState {
  /** Migrations of this build that the database does not have. */
  readonly pending: number
  /** A sentence for the operator, when the database has a migration that this build does not know; null otherwise. */
  readonly problem: string | null
}

/**
 * Reads how the schema of a database stands to this build, and changes nothing.
 * @param pool of the owner of the tables; other logins may not read the record of migrations
 */
export async function readSchemaState(pool: Pool, folder = migrationsFolder): Promise<SchemaState> {
  const known = readMigrations(folder)
  const applied = await readApplied(pool)
  try {
    return { pending: pendingMigrations(known, applied).length, problem: null }
  } catch (error) {
    if (isStartProblem(error)) return { pending: 0, problem: error.message }
    throw error
  }
}

/** How far a database has come, for those who look at it from outside. */
export interface MigrationState {
  readonly known: number
  readonly applied: number
  readonly pending: readonly string[]
  /** The days of those that this build does not know. */
  readonly unknown: readonly string[]
}

/** The work before pending migrations change a database that has earlier ones. An error of it ends the start, and nothing is migrated. */
export type BeforeMigration = (state: MigrationState) => Promise<void>

/** Compares what a database has with what this build has, without a refusal. */
export async function readMigrationState(connection: Pick<Connection, 'query'>, folder = migrationsFolder): Promise<MigrationState> {
  const known = readMigrations(folder)
  const applied = await readApplied(connection)
  const [knownHashes, appliedHashes] = [new Set(known.map(({ hash }) => hash)), new Set(applied.map(({ hash }) => hash))]
  return {
    known: known.length,
    applied: applied.length,
    pending: known.filter(({ hash }) => !appliedHashes.has(hash)).map(({ writtenAt }) => dayOf(writtenAt)),
    unknown: applied.filter(({ hash }) => !knownHashes.has(hash)).map(({ writtenAt }) => dayOf(writtenAt)),
  }
}

/**
 * Those of the migrations that a database has recorded, which this build does not know: a newer build wrote them.
 * @param folder the migrations of this build
 */
export function unknownMigrations(recorded: readonly AppliedMigration[], folder = migrationsFolder): AppliedMigration[] {
  const known = new Set(readMigrations(folder).map(({ hash }) => hash))
  return recorded.filter(({ hash }) => !known.has(hash))
}

async function apply(connection: Connection, migrations: readonly Migration[]): Promise<void> {
  for (const { hash, writtenAt, statements } of migrations) {
    for (const text of statements) await connection.query(text)
    await connection.query('insert into drizzle.__drizzle_migrations (hash, created_at) values ($1, $2)', [hash, writtenAt])
  }
}

/**
 * Gives an empty database the schema that another database had, in the transaction of the caller: those migrations and no later one.
 * @param recorded migrations that this build knows
 */
export async function applyRecorded(
  connection: Connection,
  recorded: readonly AppliedMigration[],
  folder = migrationsFolder,
): Promise<void> {
  const wanted = new Set(recorded.map(({ hash }) => hash))
  await connection.query(CREATE_RECORD)
  await apply(
    connection,
    readMigrations(folder).filter(({ hash }) => wanted.has(hash)),
  )
}

/**
 * Applies what is pending in one transaction: after a failure, or the end of the process, nothing of it is kept.
 * @param connection with the lock of the migrations
 * @param before is done before a database that has earlier migrations is changed; null for nothing
 * @throws as `pendingMigrations`; the database's error when a migration fails
 */
export async function applyMigrations(
  connection: Connection,
  folder = migrationsFolder,
  before: BeforeMigration | null = null,
): Promise<void> {
  const known = readMigrations(folder)
  const applied = await readApplied(connection)
  const pending = pendingMigrations(known, applied)
  if (pending.length === 0) return
  if (applied.length === 0) await requireNoForeignTables(connection)
  else await before?.(await readMigrationState(connection, folder))
  await connection.query(CREATE_RECORD)
  await connection.query('begin')
  try {
    await apply(connection, pending)
    await connection.query('commit')
  } catch (error) {
    await connection.query('rollback').catch(() => {})
    throw error
  }
}
