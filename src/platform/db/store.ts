import { runOn } from './driver/client.ts'
import type { Connection, Pool } from './driver/client.ts'
import type { CommitListener, ReadDb, Store } from './types.ts'

/** The read-only view of a pool or a connection. */
export const readDbOn = (client: Pool | Connection): ReadDb => ({
  run: (statement, params) => runOn(client, statement, params),
})

/** Creates the store that the verbs use. @param autocommitPool for statements outside of transactions */
export function createStore(transactionPool: Pool, autocommitPool: Pool = transactionPool): Store {
  const listeners = new Set<CommitListener>()
  return {
    transactionPool,
    autocommitPool,
    read: readDbOn(autocommitPool),
    onCommit(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    publish(rows) {
      for (const listener of listeners) listener(rows)
    },
  }
}
