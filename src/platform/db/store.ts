import { runOn } from './driver/client.ts'
import type { Connection, Pool } from './driver/client.ts'
import type { CommitListener, ReadDb, Store } from './types.ts'

export const readDbOn = (client: Pool | Connection): ReadDb => ({
  run: (statement, params) => runOn(client, statement, params),
})

/** Wraps the pools for the verbs. */
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
