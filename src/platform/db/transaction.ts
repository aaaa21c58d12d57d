import { invariant } from '../kernel/errors.ts'
import { beginTransactionSpan, spanOf } from '../kernel/trace.ts'
import { backendPidOf } from './driver/backendPid.ts'
import { coalesceWrites } from './driver/socket.ts'
import type { Connection, Pool } from './driver/client.ts'
import { guardTransaction } from './driver/timeLimit.ts'
import type { TransactionGuard } from './driver/timeLimit.ts'
import { isConnectionFailure, isTransactionTimeout, TRANSACTION_TIMEOUT } from './databaseErrors.ts'

/** A commit that was sent and not answered: the change may or may not be in the database. */
export interface InDoubtCommit {
  /** The backend that was to commit. While it lives it may still do so. Null when its process id is not known. */
  readonly backendPid: number | null
}

const inDoubt: unique symbol = Symbol('commit in doubt')

/** The commit that an error of `transaction` leaves in doubt; null when the failure certainly left nothing behind. */
export const inDoubtCommit = (error: unknown): InDoubtCommit | null =>
  error instanceof Error && inDoubt in error ? (error as Error & Record<typeof inDoubt, InDoubtCommit>)[inDoubt] : null

const markInDoubt = (error: Error, connection: Connection): Error =>
  Object.assign(error, { [inDoubt]: { backendPid: backendPidOf(connection) } satisfies InDoubtCommit })

/** The error of a BEGIN that failed. Nothing has happened then, and a connection to a standby must not be used again. */
const beginFailure = (cause: unknown): Error => Object.assign(new Error('the transaction could not begin', { cause }), { code: '08006' })

/** The error of a transaction that reached its time limit. Its session has ended, and everything was rolled back. */
const transactionTimeout = (cause: unknown): Error =>
  Object.assign(new Error('the transaction reached its time limit', { cause }), { code: TRANSACTION_TIMEOUT })

/**
 * Runs `body` in one transaction. BEGIN is sent together with the first statement and COMMIT together with the final
 * statements, so a transaction costs only the round trips of its body. This is safe for three reasons:
 *
 * - When BEGIN fails, the statements behind it have been sent already, each as its own transaction. On a read-only pool
 *   such a transaction may only read, so nothing is written. Nothing behind the body is sent.
 * - When a final statement fails in Postgres, the transaction fails, and Postgres answers COMMIT with ROLLBACK.
 * - When the connection is lost before COMMIT was sent, nothing was changed. After that, the error is marked in doubt.
 *
 * Drizzle's own `transaction()` leaks the connection when BEGIN fails (drizzle #6023), so it is not used. A connection on
 * which anything but SQL failed is destroyed and not returned to the pool.
 *
 * @param body does the work; its result is passed to `finalStatements`
 * @param finalStatements sends the final statements, all of them before it first awaits. It does nothing that can fail in
 *   this process, because COMMIT follows directly.
 * @throws what the body threw, the database's error, or an error for which `inDoubtCommit` is not null
 */
export async function transaction<T, U>(
  pool: Pool,
  body: (connection: Connection) => Promise<T>,
  finalStatements: (connection: Connection, value: T) => Promise<U>,
): Promise<U> {
  return await onConnection(pool, async (begun) => {
    const { connection, guard } = begun
    let value: T
    try {
      value = await body(connection)
      const failure = await begun.failure
      if (failure !== undefined) throw failure
    } catch (error) {
      await connection.query('rollback').catch((lost: Error) => void (begun.broken ??= lost))
      if (guard.isExpired() || isTransactionTimeout(begun.broken)) throw transactionTimeout(error)
      // The first failure explains the later ones.
      throw (await begun.failure) ?? error
    }
    return await committed(begun, finalStatements(connection, value))
  })
}

/**
 * Runs one statement in a transaction of its own, which costs one round trip: BEGIN, the statement and COMMIT are sent together. When BEGIN
 * fails, the read-only pool refuses the statement, and nothing was changed.
 *
 * @throws as `transaction`
 */
export async function statementTransaction<T>(pool: Pool, send: (connection: Connection) => Promise<T>): Promise<T> {
  return await onConnection(pool, async (begun) => {
    const [failure, outcome] = await Promise.allSettled([begun.failure, committed(begun, send(begun.connection))])
    if (failure.status === 'fulfilled' && failure.value !== undefined) throw failure.value
    if (outcome.status === 'rejected') throw outcome.reason
    return outcome.value
  })
}

/** A transaction whose BEGIN was sent. */
interface Begun {
  readonly connection: Connection
  readonly guard: TransactionGuard
  /** The failure of BEGIN, or undefined when it has succeeded. Never rejects. */
  readonly failure: Promise<Error | undefined>
  /** Why the connection must not be used again. */
  broken: Error | undefined
}

/** As `onPoolConnection`, with a span where traces are collected. */
function onConnection<T>(pool: Pool, run: (begun: Begun) => Promise<T>): Promise<T> {
  const span = beginTransactionSpan()
  return span === null ? onPoolConnection(pool, run) : spanOf(span, () => onPoolConnection(pool, run))
}

/** Begins a transaction on a connection of the pool, and returns the connection when `run` is done, or destroys it when it is broken. */
async function onPoolConnection<T>(pool: Pool, run: (begun: Begun) => Promise<T>): Promise<T> {
  const connection = await pool.connect()
  const guard = guardTransaction(pool, connection)
  const markBroken = (error: Error): void => void (begun.broken = error)
  connection.once('error', markBroken)
  coalesceWrites(connection)
  const failure = connection.query('begin read write').then(
    () => undefined,
    (cause: unknown) => (begun.broken = beginFailure(cause)),
  )
  const begun: Begun = { connection, guard, failure, broken: undefined }
  try {
    return await run(begun)
  } finally {
    guard.stop()
    connection.off('error', markBroken)
    connection.release(begun.broken)
  }
}

/** Sends COMMIT behind the final statements. @returns their result, once Postgres has committed it */
async function committed<T>(begun: Begun, finalStatements: Promise<T>): Promise<T> {
  const { connection } = begun
  const [outcome, commit] = await Promise.allSettled([finalStatements, connection.query('commit')])
  if (commit.status === 'fulfilled' && outcome.status === 'fulfilled') {
    // Postgres answers COMMIT of a failed transaction with ROLLBACK, and no error.
    invariant(commit.value.command === 'COMMIT', 'a failed transaction was committed')
    return outcome.value
  }
  if (commit.status === 'fulfilled') {
    if (commit.value.command === 'ROLLBACK') throw (outcome as PromiseRejectedResult).reason
    throw markInDoubt((outcome as PromiseRejectedResult).reason as Error, connection)
  }
  // Postgres itself refused a statement or the COMMIT: a deferred constraint, a serialization failure.
  if (outcome.status === 'rejected' && !isConnectionFailure(outcome.reason)) throw outcome.reason
  if (!isConnectionFailure(commit.reason)) throw commit.reason
  begun.broken = commit.reason as Error
  throw markInDoubt(begun.broken, connection)
}
