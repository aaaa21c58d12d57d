import { setTimeout as sleep } from 'node:timers/promises'
import type { RunTokens } from '../auth/runTokens.ts'
import type { Adapters, Chunk } from '../adapters/index.ts'
import type { Store } from '../platform/db/types.ts'
import type { Log } from '../platform/kernel/log.ts'
import { createLogWriter } from '../engine/runs/index.ts'
import { createDispatcher } from './dispatcher.ts'
import { serverIdentity } from './serverIdentity.ts'
import type { PeriodicTask } from './periodicTasks.ts'
import { createOrphanReaper } from './orphanReaper.ts'
import { createSupervisor, RENEW_INTERVAL_MS } from './supervisor.ts'

/** How soon the children of a server that died beside this one are ended. */
const ORPHAN_REAP_INTERVAL_MS = 10_000
/** Finds what other servers have queued. Own commits are heard of at once, so an idle server need not ask often. */
const DISPATCH_INTERVAL_MS = 5000
/** A look at this process's own clock; the database is asked every ten seconds. */
const SUPERVISOR_TICK_INTERVAL_MS = 1000

/** Who follows runs while they live. */
export interface RunObserver {
  /** A piece of what a run wrote, as it comes. */
  publishLogLine(line: { companyId: string; runId: string; agentId: string } & Chunk): void
  /** Events of runs have been written. */
  notify(): void
}

/** What a stop may take at the most: a process is given ten seconds by most who end it. */
const STOP_TIMEOUT_MS = 8000

export interface RunnerDeps {
  readonly store: Store
  readonly tokens: RunTokens
  readonly adapters: Adapters
  /** Runs that this server has at work at once. */
  readonly maxRuns: number
  /** Where runs find the API, without a trailing slash. */
  readonly apiUrl: string
  readonly observer: RunObserver
  readonly log: Log
  /** Looks after leases more often than every ten seconds. */
  readonly renewIntervalMs?: number
}

/** A server's own hands: it claims queued runs, starts them, watches them and ends them. */
export interface Runner {
  /** This server, as its runs name it. */
  readonly serverId: string
  readonly periodicTasks: readonly PeriodicTask[]
  /** Whether a server is known to have died on this host. */
  readonly isServerDead: (serverId: string) => boolean
  /** Starts nothing more and ends what runs, within 8 s. Idempotent. */
  stop(): Promise<void>
}

export function createRunner({
  store,
  tokens,
  adapters,
  maxRuns,
  apiUrl,
  observer,
  log,
  renewIntervalMs = RENEW_INTERVAL_MS,
}: RunnerDeps): Runner {
  const server = serverIdentity()
  const logWriter = createLogWriter(store, log, () => observer.notify())
  const supervisor = createSupervisor({
    store,
    tokens,
    apiUrl,
    adapters,
    logWriter,
    server,
    maxRuns,
    renewIntervalMs,
    log,
    onOutput: ({ runId, agentId, companyId }, chunk) => observer.publishLogLine({ runId, agentId, companyId, ...chunk }),
    onSlotFree: () => dispatcher.notify(),
  })
  const dispatcher = createDispatcher({
    store,
    supervisorId: server.id,
    types: adapters.types,
    freeSlots: () => supervisor.freeSlots(),
    runCountByCompany: () => supervisor.runCountByCompany(),
    start: (order, claimedAt) => supervisor.start(order, claimedAt),
    log,
  })
  const orphanReaper = createOrphanReaper(store, server, log)
  const unsubscribe = store.onCommit((rows) => {
    supervisor.onCommit(rows)
    dispatcher.onCommit(rows)
  })
  const stop = async (): Promise<void> => {
    const stopped = Promise.all([dispatcher.stop(), supervisor.stop()])
    // The database may be away, and then there is nothing to wait for: leases end what could not be ended.
    const timeout = new AbortController()
    await Promise.race([stopped, sleep(STOP_TIMEOUT_MS, undefined, { signal: timeout.signal }).catch(() => {})])
    timeout.abort()
    unsubscribe()
  }
  let stopping: Promise<void> | undefined
  return {
    serverId: server.id,
    periodicTasks: [
      { name: 'dispatch', intervalMs: DISPATCH_INTERVAL_MS, run: async () => dispatcher.notify() },
      { name: 'tend', intervalMs: Math.min(SUPERVISOR_TICK_INTERVAL_MS, renewIntervalMs), run: () => supervisor.tick() },
      { name: 'orphans', intervalMs: ORPHAN_REAP_INTERVAL_MS, run: () => orphanReaper.tick() },
    ],
    isServerDead: (serverId) => orphanReaper.isServerDead(serverId),
    stop: () => (stopping ??= stop()),
  }
}
