import { randomBytes } from 'node:crypto'
import { inject } from 'vitest'
import { openPool } from '../../platform/db/driver/client.ts'
import type { ConnectionOptions, Pool } from '../../platform/db/driver/client.ts'
import { cloneSql, dropDatabase, MOVE_CLOCK_SQL } from '../../testing/host/cluster.ts'

export interface TestDatabase {
  /** The application's login, which a server works with: every test shows that its grants suffice. */
  readonly connection: ConnectionOptions & { readonly database: string }
  /** The owner's login. */
  readonly owner: ConnectionOptions & { readonly database: string }
  /** A pool of the owner for arranging and looking, beside the server's own. Its writes are exempt from the tripwire. */
  readonly sql: Pool
  /** Opens a further pool as a server would: tripwire on, writes only in transactions. */
  open(options?: ConnectionOptions): Pool
  /**
   * Moves the clock of this database: `now()` and `clock_timestamp()` answer later by the interval from then on. Times of
   * the program itself, such as the expiry of a run token, do not move. Call the periodic task that the time is for.
   * @param interval as Postgres reads it, such as `2 hours`
   */
  passTime(interval: string): Promise<void>
  drop(): Promise<void>
}

/** Clones the migrated template: about 20 ms. */
export const cloneDatabase = (): Promise<TestDatabase> => createDatabase(cloneSql)

/** A database without a schema, and without the clock of tests, as an operator makes one. */
export const emptyDatabase = (): Promise<TestDatabase> => createDatabase((database) => `create database ${database} template template0`)

async function createDatabase(creation: (database: string) => string): Promise<TestDatabase> {
  const cluster = inject('cluster')
  const database = `test_${randomBytes(6).toString('hex')}`
  const admin = openPool({ ...cluster, database: 'postgres', max: 1 })
  await admin.query(creation(database))
  const connection = { ...inject('application'), database }
  const owner = { ...cluster, database }
  const sql = openPool({ ...owner, max: 4 })
  // A transaction of a test may idle for as long as the test needs, also on a busy machine.
  const settings = "set paperclip.fixture = 'on'; set idle_in_transaction_session_timeout = 0"
  sql.on('connect', (client) => void client.query(settings).catch(() => {}))
  return {
    connection,
    owner,
    sql,
    open: (options = {}) => openPool({ ...connection, ...options }, 'custom', { readOnlyByDefault: true }),
    async passTime(interval) {
      await sql.query(MOVE_CLOCK_SQL, [interval])
    },
    async drop() {
      await sql.end()
      await dropDatabase(admin, database)
      await admin.end()
    },
  }
}
