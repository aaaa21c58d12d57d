import { closePool, openPool } from '../platform/db/driver/client.ts'
import type { ConnectionOptions, Pool } from '../platform/db/driver/client.ts'
import type { OnUnresponsive } from '../platform/db/driver/watchdog.ts'
import type { PoolSizes } from '../platform/db/connectionRoom.ts'
import { createStore } from '../platform/db/store.ts'
import type { Store } from '../platform/db/types.ts'
import type { Log } from '../platform/kernel/log.ts'

/** For connections that are still in use when the server stops, in milliseconds. No client waits for their result. */
const CLOSE_POOL_MS = 500

/**
 * Sessions of each pool that stay open while nothing is asked. A new one takes some milliseconds, and plans each statement again, which a wake of an agent
 * on a server at rest would wait for. Only for the database of this machine: on the way to another one a connection that is silent for minutes may be
 * dropped without a word.
 */
const WARM_SESSIONS = 2

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
  const options = { min: connection.connectionString === undefined ? WARM_SESSIONS : 0, ...connection }
  const transactionPool = openPool({ ...options, max: pools.transactions }, 'generic', poolOptions)
  const autocommitPool = openPool({ ...options, max: pools.autocommit }, 'custom', poolOptions)
  return {
    store: createStore(transactionPool, autocommitPool),
    pools: [transactionPool, autocommitPool],
    async close() {
      await Promise.all([transactionPool, autocommitPool].map((pool) => closePool(pool, CLOSE_POOL_MS)))
    },
  }
}
