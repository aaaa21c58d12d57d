import { migrate as apply } from 'drizzle-orm/node-postgres/migrator'
import { fileURLToPath } from 'node:url'
import { drizzleOn } from './client.ts'
import type { Pool } from './client.ts'

/** Any fixed number: the name of the lock under which migrations run. */
const MIGRATION_LOCK = 7_203_311

const folder = fileURLToPath(new URL('../../drizzle', import.meta.url))

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
