import { startProblem } from '../kernel/startProblem.ts'
import { postgresProblem } from '../kernel/versions.ts'
import { connectProblem } from './connectProblem.ts'
import { openPool } from './driver/client.ts'
import type { Connection, ConnectionOptions, Pool } from './driver/client.ts'
import { requireSessions } from './driver/sessions.ts'
import { grantToApplication, readLoginPower } from './grants.ts'
import type { LoginPower } from './grants.ts'
import { applyMigrations } from './migrations.ts'
import type { BeforeMigration } from './migrations.ts'
import { requireFinishedRestore } from './unfinishedRestore.ts'

/** The key of the advisory lock under which migrations run. Any fixed number serves. */
export const MIGRATION_LOCK = 7_203_311

/**
 * Migrates the database to the schema of this build. Any number of servers may start at once: an advisory lock lets one
 * server apply the migrations, and the others then find nothing to do.
 * @param pool of the owner of the tables; must not limit how long an answer may take (`query_timeout: 0`)
 * @param application the login that the server works with, and that gets its grants here; null when it is the owner itself
 * @param before as in `applyMigrations`
 * @throws an error with a sentence for the operator when Postgres is too old, a newer build has migrated the database, or a restore into it
 *   did not finish;
 *   the database's error when a migration fails, and then nothing is kept of those that were pending
 */
export async function migrate(pool: Pool, application: string | null = null, before: BeforeMigration | null = null): Promise<void> {
  const connection = await pool.connect()
  try {
    await requirePostgresVersion(connection)
    // A migration may rewrite a large table, and the wait for another server's migration may take as long.
    await connection.query('set lock_timeout = 0; set statement_timeout = 0; set idle_in_transaction_session_timeout = 0')
    // An operator may have limited the transactions of the role. Postgres has this setting since version 17.
    await connection.query(
      "select set_config('transaction_timeout', '0', false) where current_setting('server_version_num')::int >= 170000",
    )
    await connection.query('select pg_advisory_lock($1)', [MIGRATION_LOCK])
    await requireFinishedRestore(connection)
    await applyMigrations(connection, undefined, before)
    if (application !== null) await grantToApplication(connection, application)
  } finally {
    // Closing the session releases the lock and drops the settings, also after a failure.
    connection.release(true)
  }
}

async function requirePostgresVersion(connection: Connection): Promise<void> {
  const { rows } = await connection.query<{ server_version_num: string }>('show server_version_num')
  const problem = postgresProblem(Number(rows[0]?.server_version_num))
  if (problem !== null) throw startProblem(problem)
}

/** The two logins of a database. */
export interface DatabaseLogins {
  /** The login that the server works with. */
  readonly application: ConnectionOptions
  /** The login that owns the tables, for migrations only; null when the application's login is the owner. */
  readonly owner: ConnectionOptions | null
}

/** The variables with the URLs of the two logins. */
const APPLICATION = 'DATABASE_URL'
const OWNER = 'DATABASE_OWNER_URL'

/**
 * Connects as a login for the first time, and checks the sessions that it gets. The embedded database, which has no URL,
 * is this program's own and needs no check.
 * @throws an error with a sentence for the operator
 */
async function requireLogin(options: ConnectionOptions, variable: string): Promise<void> {
  const { connectionString } = options
  if (connectionString === undefined) return
  const pool = openPool({ ...options, max: 2 })
  try {
    await requireSessions(pool, variable)
  } catch (error) {
    throw connectProblem(error, variable, connectionString)
  } finally {
    await pool.end()
  }
}

async function withConnection<T>(options: ConnectionOptions, work: (connection: Connection) => Promise<T>): Promise<T> {
  const pool = openPool({ ...options, max: 1 })
  try {
    const connection = await pool.connect()
    try {
      return await work(connection)
    } finally {
      connection.release()
    }
  } finally {
    await pool.end()
  }
}

/**
 * Does the same as `migrate` on a new connection of the owner, without a time limit, and gives the application its grants.
 * @param signal abandons the migration. Postgres rolls it back when the process, and with it the connection, ends.
 * @returns what the application's login could do beyond its work
 * @throws as `migrate`; an error with a sentence when a login gets no sessions of its own, or the two lead to different databases
 */
export async function migrateOnce(
  { application, owner }: DatabaseLogins,
  signal: AbortSignal,
  beforeMigration: BeforeMigration | null = null,
): Promise<LoginPower> {
  await requireLogin(application, APPLICATION)
  if (owner !== null) await requireLogin(owner, OWNER)
  const before = owner === null ? null : await withConnection(application, readLoginPower)
  const pool = openPool({ ...(owner ?? application), max: 1, query_timeout: 0 })
  try {
    const aborted = new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)))
    await Promise.race([migrateFor(pool, before, beforeMigration), aborted])
  } finally {
    if (!signal.aborted) await pool.end()
  }
  return withConnection(application, readLoginPower)
}

async function migrateFor(pool: Pool, application: LoginPower | null, before: BeforeMigration | null): Promise<void> {
  if (application === null) return migrate(pool, null, before)
  const { rows } = await pool.query<{ role: string; database: string }>(
    'select current_user::text as role, current_database()::text as database',
  )
  const [owner] = rows
  if (owner?.database !== application.database)
    throw startProblem(
      `${APPLICATION} leads to the database ${application.database} and ${OWNER} to ${owner?.database}: they must be the same`,
    )
  // One role in both: there is no second role to give grants to, and a role must not take its own away.
  return migrate(pool, owner.role === application.role ? null : application.role, before)
}
