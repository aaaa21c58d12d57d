import type { ActivityRow } from './record.ts'
import { drizzleOn, runOn } from './client.ts'
import type { Connection, Drizzle, Pool } from './client.ts'
import type { Statement } from './statement.ts'

/** A database that can only be read: its type has no write verb. */
export interface ReadDb {
  readonly select: Drizzle['select']
  run<P, R>(statement: Statement<P, R, 'read'>, params: P): Promise<R[]>
}

/** Called with the audit rows of a committed transaction. Must not throw; a hint, never the truth. */
export type CommitListener = (rows: readonly ActivityRow[]) => void

/** The database as the verbs see it. Only `db/` looks inside the pools. */
export interface Store {
  /** Transactions. */
  readonly pool: Pool
  /** Everything outside a transaction, so that a queue of writers keeps no reader waiting. */
  readonly readPool: Pool
  readonly read: ReadDb
  /** Tells a listener of every commit of this process; returns the way to stop. */
  onCommit(listener: CommitListener): () => void
  readonly publish: CommitListener
}

export const readOn = (client: Pool | Connection): ReadDb => {
  const drizzle = drizzleOn(client)
  return {
    select: drizzle.select.bind(drizzle) as Drizzle['select'],
    run: (statement, params) => runOn(client, statement, params),
  }
}

/** Wraps the pools for the verbs. */
export function createStore(pool: Pool, readPool: Pool = pool): Store {
  const listeners = new Set<CommitListener>()
  return {
    pool,
    readPool,
    read: readOn(readPool),
    onCommit(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    publish(rows) {
      for (const listener of listeners) listener(rows)
    },
  }
}
