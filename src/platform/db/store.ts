import { outsideSpans } from '../kernel/trace.ts'
import { runOn, runPageOn } from './driver/client.ts'
import type { Connection, Pool } from './driver/client.ts'
import { agentPlaces, createLane, openLane } from './lane.ts'
import type { Lane } from './lane.ts'
import type { CommitListener, PageDb, ReadDb, Store } from './types.ts'

/** The read-only view of a pool or a connection. */
export const readDbOn = (client: Pool | Connection): ReadDb => ({
  run: (statement, params) => runOn(client, statement, params),
})

/** The same, with pages of lists: each takes a connection of the pool for itself. */
const readDbOnPool = (pool: Pool, lane: Lane): ReadDb & PageDb => ({
  run: (statement, params) => lane.run(() => runOn(pool, statement, params)),
  runPage: (statement, params, maxRows) => lane.run(() => runPageOn(pool, statement, params, maxRows)),
})

/** The lane of agents at a pool. */
const agentLane = (pool: Pool): Lane => createLane(agentPlaces(pool.options.max))

/** Creates the store that the verbs use. @param autocommitPool for statements outside of transactions */
export function createStore(transactionPool: Pool, autocommitPool: Pool = transactionPool): Store {
  const listeners = new Set<CommitListener>()
  const shared: Omit<Store, 'read' | 'transactionLane' | 'autocommitLane' | 'ofAgents'> = {
    transactionPool,
    autocommitPool,
    counts: { transactionRetries: 0 },
    onCommit(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    publish(rows) {
      // The later work of listeners is no part of the request that committed.
      outsideSpans(() => {
        for (const listener of listeners) listener(rows)
      })
    },
  }
  const transactionLane = agentLane(transactionPool)
  const autocommitLane = autocommitPool === transactionPool ? transactionLane : agentLane(autocommitPool)
  const ofAgents: Store = {
    ...shared,
    read: readDbOnPool(autocommitPool, autocommitLane),
    transactionLane,
    autocommitLane,
    get ofAgents() {
      return ofAgents
    },
  }
  return { ...shared, read: readDbOnPool(autocommitPool, openLane), transactionLane: openLane, autocommitLane: openLane, ofAgents }
}
