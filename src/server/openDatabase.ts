import { closePool, openPool } from '../platform/db/driver/client.ts'
import type { ConnectionOptions, Pool } from '../platform/db/driver/client.ts'
import type { OnUnresponsive } from '../platform/db/driver/watchdog.ts'
import type { PoolSizes } from '../platform/db/connectionRoom.ts'
import { createStore } from '../platform/db/store.ts'
import type { Store } from '../platform/db/types.ts'
import type { Log } from '../platform/kernel/log.ts'

/** For connections that are still in use when the server stops, in milliseconds. No client waits for their result. */
const CLOSE_POOL_MS = 500

/** The pools of a server and the store on them. */
export interface Database {
  readonly store: Store
  readonly pools: readonly Pool[]
  close(): Promise<void>
}

/** Opens the pools of a server. */
export function openDatabase(connection: ConnectionOptions, pools: PoolSizes, log: Log, onUnresponsive: OnUnresponsive): Database {
  const onDriverMismatch = (assumptions: readonly string[]): void =>
    log.warn({ assumptions }, 'the pg driver is not as expected: the server uses plain queries, which are slower')
  const poolOptions = { readOnlyByDefault: true, onUnresponsive, onDriverMismatch }
  const transactionPool = openPool({ ...connection, max: pools.transactions }, 'generic', poolOptions)
  const autocommitPool = openPool({ ...connection, max: pools.autocommit }, 'custom', poolOptions)
  return {
    store: createStore(transactionPool, autocommitPool),
    pools: [transactionPool, autocommitPool],
    async close() {
      await Promise.all([transactionPool, autocommitPool].map((pool) => closePool(pool, CLOSE_POOL_MS)))
    },
  }
}
