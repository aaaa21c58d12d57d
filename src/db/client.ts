import { drizzle } from 'drizzle-orm/node-postgres'
import type { NodePgDatabase } from 'drizzle-orm/node-postgres'
import pg from 'pg'
import { invariant } from '../kernel/errors.ts'
import { fromPostgres } from '../kernel/time.ts'
import type { Effect, Statement } from './statement.ts'

export type Drizzle = NodePgDatabase
export type Pool = pg.Pool
export type Connection = pg.PoolClient
export type ConnectionOptions = pg.PoolConfig

/** Connections a process keeps. One Node thread cannot keep more than these busy. */
const POOL_SIZE = 10
/** How long a connection attempt may take before the database counts as away. */
const CONNECT_TIMEOUT_MS = 900
/** How long a request waits for a free connection; past this the server is overloaded and says so. */
const QUEUE_TIMEOUT_MS = 5000
/** A lock held longer than this belongs to a stuck transaction; waiting on would only add to the queue. */
const LOCK_TIMEOUT_MS = 4000
const STATEMENT_TIMEOUT_MS = 15_000
/** A transaction of ours never idles; one that does belongs to a process that was stopped in the middle. */
const IDLE_IN_TRANSACTION_TIMEOUT_MS = 5000
/** The last resort against a server that accepts and never answers (a stopped postmaster, a dead network). */
const ANSWER_TIMEOUT_MS = 20_000

const TIMESTAMPTZ = 1184
const INT8 = 20

// Counters and epochs stay far below 2^53, so int8 may be a number; instants are strings (kernel/time.ts).
const types = {
  getTypeParser(oid: number, format?: 'text' | 'binary') {
    if (oid === TIMESTAMPTZ) return fromPostgres
    if (oid === INT8) return Number
    return pg.types.getTypeParser(oid, format as 'text')
  },
}

class ImpatientClient extends pg.Client {
  constructor(config: pg.ClientConfig) {
    // The pool's own connectionTimeoutMillis bounds the wait in its queue; a connection attempt gets less.
    super({ ...config, connectionTimeoutMillis: CONNECT_TIMEOUT_MS })
  }
}

/**
 * Opens the pool. The only place that knows the driver.
 * @param options where the database is, as `pg` takes it; `max` overrides the pool size
 */
export function openPool(options: ConnectionOptions): Pool {
  const pool = new pg.Pool({
    max: POOL_SIZE,
    connectionTimeoutMillis: QUEUE_TIMEOUT_MS,
    idleTimeoutMillis: 60_000,
    keepAlive: true,
    application_name: 'paperclip-server',
    ...options,
    options: '-c timezone=UTC -c jit=off',
    lock_timeout: LOCK_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_TIMEOUT_MS,
    query_timeout: ANSWER_TIMEOUT_MS,
    types,
    Client: ImpatientClient,
    // Statements go out without waiting for each other's answers: BEGIN rides with the first, COMMIT with the last.
    pipeline: true,
  } as unknown as pg.PoolConfig)
  // Without listeners a terminated backend would be an uncaught exception; the failed query reports it anyway.
  pool.on('error', () => {})
  pool.on('connect', (client) => client.on('error', () => {}))
  return pool
}

const drizzles = new WeakMap<object, Drizzle>()

/** The query builder on a pool or a connection; building one costs as much as a query, so it is kept. */
export function drizzleOn(client: Pool | Connection): Drizzle {
  const known = drizzles.get(client)
  if (known !== undefined) return known
  const made = drizzle({ client })
  drizzles.set(client, made)
  return made
}

/** Runs a named statement and returns its rows. */
export async function runOn<P, R>(client: Pool | Connection, statement: Statement<P, R, Effect>, params: P): Promise<R[]> {
  const result = await client.query({
    ...(statement.name === undefined ? {} : { name: statement.name }),
    text: statement.text,
    values: statement.values(params),
  })
  return result.rows as R[]
}

/** Said by `transaction` when the answer to COMMIT was lost: the change may or may not be there. */
export const commitInDoubt = Symbol('commit in doubt')

/**
 * Runs `body` in one transaction. BEGIN is sent together with the first statement and COMMIT together with `last`, so a
 * transaction costs the round trips of its body and no more.
 *
 * Not Drizzle's own `transaction()`: that one leaks the connection when BEGIN fails (drizzle #6023). A connection on
 * which anything went wrong besides SQL is destroyed, never returned to the pool.
 *
 * @param body does the work; what it returns is handed to `last`
 * @param last the final statements; they are sent with COMMIT behind them, unanswered
 */
export async function transaction<T, U>(
  pool: Pool,
  body: (connection: Connection) => Promise<T>,
  last: (connection: Connection, value: T) => Promise<U>,
): Promise<U> {
  const connection = await pool.connect()
  let broken: Error | undefined
  const noteLoss = (error: Error): void => void (broken = error)
  connection.once('error', noteLoss)
  try {
    // Not awaited: were it to fail, so would everything behind it, and COMMIT is checked below.
    const begun = connection.query('begin')
    begun.catch(() => {})
    let value: T
    try {
      value = await body(connection)
      await begun
    } catch (error) {
      await connection.query('rollback').catch((lost: Error) => void (broken = lost))
      throw error
    }
    const result = last(connection, value)
    const committed = connection.query('commit')
    const [outcome, commit] = await Promise.allSettled([result, committed])
    if (outcome.status === 'rejected') throw outcome.reason
    if (commit.status === 'rejected') {
      broken = commit.reason as Error
      throw Object.assign(commit.reason as Error, { [commitInDoubt]: true })
    }
    // Postgres answers COMMIT of a failed transaction with ROLLBACK, and no error.
    invariant(commit.value.command === 'COMMIT', 'a transaction that failed was asked to commit')
    return outcome.value
  } finally {
    connection.off('error', noteLoss)
    connection.release(broken)
  }
}
