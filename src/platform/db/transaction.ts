import { invariant } from '../kernel/errors.ts'
import { coalesceWrites } from './driver/client.ts'
import type { Connection, Pool } from './driver/client.ts'
import { isConnectionFailure } from './databaseErrors.ts'

/** What is thrown when the connection was lost after COMMIT was sent: the change may or may not be there. */
export interface InDoubt extends Error {
  readonly [inDoubt]: {
    /** The backend that was to commit; while it lives it may still do so. */
    readonly backendPid: number
  }
}

const inDoubt: unique symbol = Symbol('commit in doubt')

/** The backend whose COMMIT was sent and never answered, or null when a failure left nothing behind for certain. */
export const inDoubtBackend = (error: unknown): number | null =>
  error instanceof Error && inDoubt in error ? (error as InDoubt)[inDoubt].backendPid : null

const markInDoubt = (error: Error, connection: Connection): InDoubt =>
  Object.assign(error, { [inDoubt]: { backendPid: (connection as unknown as { processID: number }).processID } })

/** Nothing has happened, whatever the reason; and a connection to a standby must not be used again. */
const beginFailure = (cause: unknown): Error => Object.assign(new Error('the transaction could not be begun', { cause }), { code: '08006' })

/**
 * Runs `body` in one transaction. BEGIN is sent together with the first statement and COMMIT together with `last`, so a
 * transaction costs the round trips of its body and no more. What makes that safe:
 *
 * - Should BEGIN fail, the statements behind it are already on their way, each as a transaction of its own. On a guarded
 *   pool such a transaction may only read, so nothing is written, and nothing behind the body is sent.
 * - Should `last` fail in Postgres, the transaction is lost, and Postgres answers COMMIT with ROLLBACK.
 * - Should the connection be lost before COMMIT was sent, nothing was changed; after that, the failure is marked in doubt.
 *
 * Not Drizzle's own `transaction()`: that one leaks the connection when BEGIN fails (drizzle #6023). A connection on
 * which anything went wrong besides SQL is destroyed, never returned to the pool.
 *
 * @param body does the work; what it returns is handed to `last`
 * @param finalStatements sends the final statements, all of them before it first awaits, and nothing that can fail in this process:
 *   COMMIT goes out right behind them
 * @throws what the body threw, the database's error, or an error for which `doubtOf` is not null
 */
export async function transaction<T, U>(
  pool: Pool,
  body: (connection: Connection) => Promise<T>,
  finalStatements: (connection: Connection, value: T) => Promise<U>,
): Promise<U> {
  const connection = await pool.connect()
  let broken: Error | undefined
  const markBroken = (error: Error): void => void (broken = error)
  connection.once('error', markBroken)
  try {
    coalesceWrites(connection)
    const begun = connection.query('begin read write').then(
      () => undefined,
      (failure: unknown) => (broken = beginFailure(failure)),
    )
    let value: T
    try {
      value = await body(connection)
      if ((await begun) !== undefined) throw broken
    } catch (error) {
      await connection.query('rollback').catch((lost: Error) => void (broken ??= lost))
      // What failed first explains the rest.
      throw (await begun) ?? error
    }
    const result = finalStatements(connection, value)
    const [outcome, commit] = await Promise.allSettled([result, connection.query('commit')])
    if (commit.status === 'fulfilled' && outcome.status === 'fulfilled') {
      // Postgres answers COMMIT of a failed transaction with ROLLBACK, and no error.
      invariant(commit.value.command === 'COMMIT', 'a transaction that failed was asked to commit')
      return outcome.value
    }
    if (commit.status === 'fulfilled') {
      if (commit.value.command === 'ROLLBACK') throw (outcome as PromiseRejectedResult).reason
      throw markInDoubt((outcome as PromiseRejectedResult).reason as Error, connection)
    }
    // Said no by Postgres itself, to a statement or to COMMIT: a deferred constraint, a serialization failure.
    if (outcome.status === 'rejected' && !isConnectionFailure(outcome.reason)) throw outcome.reason
    if (!isConnectionFailure(commit.reason)) throw commit.reason
    broken = commit.reason as Error
    throw markInDoubt(broken, connection)
  } finally {
    connection.off('error', markBroken)
    connection.release(broken)
  }
}
