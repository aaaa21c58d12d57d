import { runOn, runPageOn } from './driver/client.ts'
import type { Connection, Pool } from './driver/client.ts'
import type { CommitListener, PageDb, ReadDb, Store } from './types.ts'

/** The read-only view of a pool or a connection. */
export const readDbOn = (client: Pool | Connection): ReadDb => ({
  run: (statement, params) => runOn(client, statement, params),
})

/** The same, with pages of lists: each takes a connection of the pool for itself. */
const readDbOnPool = (pool: Pool): ReadDb & PageDb => ({
  ...readDbOn(pool),
  runPage: (statement, params, maxRows) => runPageOn(pool, statement, params, maxRows),
})

/** Creates the store that the verbs use. @param autocommitPool for statements outside of transactions */
export function createStore(transactionPool: Pool, autocommitPool: Pool = transactionPool): Store {
  const listeners = new Set<CommitListener>()
  return {
    transactionPool,
    autocommitPool,
    counts: { transactionRetries: 0 },
    read: readDbOnPool(autocommitPool),
    onCommit(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    publish(rows) {
      for (const listener of listeners) listener(rows)
    },
  }
}
