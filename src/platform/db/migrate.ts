import { migrate as apply } from 'drizzle-orm/node-postgres/migrator'
import { fileURLToPath } from 'node:url'
import { drizzleOn, openPool } from './driver/client.ts'
import type { ConnectionOptions, Pool } from './driver/client.ts'

/** Any fixed number: the name of the lock under which migrations run. */
const MIGRATION_LOCK = 7_203_311

const folder = fileURLToPath(new URL('../../../drizzle', import.meta.url))

/**
 * Brings the database to the schema of this build. Any number of servers may start at once: an advisory lock on one
 * connection lets one apply and the others find the work done.
 * @param pool must not limit how long an answer may take (`query_timeout: 0`)
 * @throws the database's error when a migration fails; nothing of that migration is kept
 */
export async function migrate(pool: Pool): Promise<void> {
  const connection = await pool.connect()
  try {
    // A migration may rewrite a large table, and the wait for another server's may be as long.
    await connection.query('set lock_timeout = 0; set statement_timeout = 0; set idle_in_transaction_session_timeout = 0')
    await connection.query('select pg_advisory_lock($1)', [MIGRATION_LOCK])
    await apply(drizzleOn(connection), { migrationsFolder: folder })
  } finally {
    // Closing the session releases the lock and forgets the settings, whatever went wrong before.
    connection.release(true)
  }
}

/**
 * As `migrate`, on a connection of its own, however long it takes.
 * @param signal leaves it in the middle: Postgres rolls back when the process, and with it the connection, ends
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
