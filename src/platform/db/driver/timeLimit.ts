import pg from 'pg'
import { backendPidOf } from './backendPid.ts'
import { destroyConnection } from './socket.ts'
import type { Connection, ConnectionOptions, Pool } from './types.ts'

/**
 * How long a transaction may take, in milliseconds. It holds row locks, and those who wait for them give up before. The
 * largest allowed import takes a quarter of it (decision 0027).
 */
export const TRANSACTION_LIMIT_MS = 5000
/** The guard of this process comes so much later than the limit of Postgres, which has one since version 17. */
const GRACE_MS = 250
/** How long the guard tries to reach Postgres. After that it only gives up on its own end of the connection. */
const TERMINATE_TIMEOUT_MS = 900

interface Limit {
  readonly ms: number
  readonly target: ConnectionOptions
}

const limits = new WeakMap<Pool, Limit>()

// An older Postgres does not know the setting and refuses a session that begins with it.
const SET_LIMIT = "select set_config('transaction_timeout', $1, false) where current_setting('server_version_num')::int >= 170000"

/**
 * Limits the time of the transactions of a pool. It costs a statement for each connection, which is sent together with the
 * first one of its user.
 * @param target where the database is
 */
export function limitTransactions(pool: Pool, ms: number, target: ConnectionOptions): void {
  limits.set(pool, { ms, target })
  pool.on('connect', (client) => void client.query(SET_LIMIT, [String(ms)]).catch(() => {}))
}

/** The guard of one transaction. */
export interface TransactionGuard {
  /** Whether it has ended the transaction. */
  readonly isExpired: () => boolean
  stop(): void
}

const unguarded: TransactionGuard = { isExpired: () => false, stop() {} }

/**
 * Ends a transaction that Postgres has not ended at its limit: its session is terminated, so that everything is rolled back
 * and its locks are free at once.
 */
export function guardTransaction(pool: Pool, connection: Connection): TransactionGuard {
  const limit = limits.get(pool)
  if (limit === undefined) return unguarded
  let isExpired = false
  const timer = setTimeout(() => {
    isExpired = true
    endSession(limit.target, connection).catch(() => {})
  }, limit.ms + GRACE_MS)
  return { isExpired: () => isExpired, stop: () => clearTimeout(timer) }
}

/** Terminates the session of a connection, and gives up on the connection. Never rejects. */
async function endSession(target: ConnectionOptions, connection: Connection): Promise<void> {
  const pid = backendPidOf(connection)
  const client = new pg.Client({
    ...target,
    connectionTimeoutMillis: TERMINATE_TIMEOUT_MS,
    query_timeout: TERMINATE_TIMEOUT_MS,
    application_name: 'paperclip-server guard',
  })
  client.on('error', () => {})
  try {
    await client.connect()
    // Every login may end its own sessions.
    if (pid !== null) await client.query('select pg_terminate_backend($1)', [pid])
  } catch {
    // Postgres rolls back when the statement in progress ends and it finds the connection closed.
  } finally {
    destroyConnection(connection)
    client.end().catch(() => {})
  }
}
