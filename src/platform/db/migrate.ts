import { migrate as apply } from 'drizzle-orm/node-postgres/migrator'
import { fileURLToPath } from 'node:url'
import { postgresProblem } from '../kernel/versions.ts'
import { drizzleOn, openPool } from './driver/client.ts'
import type { Connection, ConnectionOptions, Pool } from './driver/client.ts'

/** The key of the advisory lock under which migrations run. Any fixed number serves. */
const MIGRATION_LOCK = 7_203_311

const folder = fileURLToPath(new URL('../../../drizzle', import.meta.url))

/**
 * Migrates the database to the schema of this build. Any number of servers may start at once: an advisory lock lets one
 * server apply the migrations, and the others then find nothing to do.
 * @param pool must not limit how long an answer may take (`query_timeout: 0`)
 * @throws an error with a sentence for the operator when Postgres is too old; the database's error when a migration
 *   fails, and then nothing of that migration is kept
 */
export async function migrate(pool: Pool): Promise<void> {
  const connection = await pool.connect()
  try {
    await requirePostgresVersion(connection)
    // A migration may rewrite a large table, and the wait for another server's migration may take as long.
    await connection.query('set lock_timeout = 0; set statement_timeout = 0; set idle_in_transaction_session_timeout = 0')
    await connection.query('select pg_advisory_lock($1)', [MIGRATION_LOCK])
    await apply(drizzleOn(connection), { migrationsFolder: folder })
  } finally {
    // Closing the session releases the lock and drops the settings, also after a failure.
    connection.release(true)
  }
}

async function requirePostgresVersion(connection: Connection): Promise<void> {
  const { rows } = await connection.query<{ server_version_num: string }>('show server_version_num')
  const problem = postgresProblem(Number(rows[0]?.server_version_num))
  if (problem !== null) throw new Error(problem)
}

/**
 * Does the same as `migrate` on a new connection, without a time limit.
 * @param signal abandons the migration. Postgres rolls it back when the process, and with it the connection, ends.
 */
export async function migrateOnce(connection: ConnectionOptions, signal: AbortSignal): Promise<void> {
  const pool = openPool({ ...connection, max: 1, query_timeout: 0 })
  try {
    const aborted = new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)))
    await Promise.race([migrate(pool), aborted])
  } finally {
    if (!signal.aborted) await pool.end()
  }
}
