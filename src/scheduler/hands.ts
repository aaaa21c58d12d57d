import { setTimeout as sleep } from 'node:timers/promises'
import type { RunTokens } from '../access/runTokens.ts'
import type { Adapters, Chunk } from '../adapters/index.ts'
import type { Store } from '../db/store.ts'
import type { Log } from '../kernel/log.ts'
import { createJournal } from '../runs/index.ts'
import { createDispatcher } from './dispatch.ts'
import { thisServer } from './host.ts'
import type { Duty } from './loop.ts'
import { createOrphanage } from './orphans.ts'
import { createSupervisor, RENEW_EVERY_MS } from './supervise.ts'

/** How soon the children of a server that died beside this one are ended. */
const ORPHANS_EVERY_MS = 10_000
/** Finds what other servers have queued. Own commits are heard of at once, so an idle server need not ask often. */
const DISPATCH_EVERY_MS = 5000
/** A look at this process's own clock; the database is asked every ten seconds. */
const TEND_EVERY_MS = 1000

/** Who follows runs while they live. */
export interface Audience {
  /** A piece of what a run wrote, as it comes. */
  announceLog(line: { companyId: string; runId: string; agentId: string } & Chunk): void
  /** Events of runs have been written. */
  wake(): void
}

/** What a stop may take at the most: a process is given ten seconds by most who end it. */
const STOP_MOST_MS = 8000

export interface HandsDeps {
  readonly store: Store
  readonly tokens: RunTokens
  readonly adapters: Adapters
  /** Runs that this server has at work at once. */
  readonly maxRuns: number
  /** Where runs find the API, without a trailing slash. */
  readonly apiUrl: string
  readonly audience: Audience
  readonly log: Log
  /** Looks after leases more often than every ten seconds. */
  readonly renewEveryMs?: number
}

/** A server's own hands: it claims queued runs, starts them, watches them and ends them. */
export interface Hands {
  /** This server, as its runs name it. */
  readonly serverId: string
  readonly duties: readonly Duty[]
  /** Whether a server is known to have died on this host. */
  readonly isLost: (serverId: string) => boolean
  /** Starts nothing more and ends what runs, within 8 s. Idempotent. */
  stop(): Promise<void>
}

export function createHands({ store, tokens, adapters, maxRuns, apiUrl, audience, log, renewEveryMs = RENEW_EVERY_MS }: HandsDeps): Hands {
  const server = thisServer()
  const journal = createJournal(store, log, () => audience.wake())
  const supervisor = createSupervisor({
    store,
    tokens,
    apiUrl,
    adapters,
    journal,
    server,
    maxRuns,
    renewEveryMs,
    log,
    onOutput: ({ runId, agentId, companyId }, chunk) => audience.announceLog({ runId, agentId, companyId, ...chunk }),
    onFree: () => dispatcher.poke(),
  })
  const dispatcher = createDispatcher({
    store,
    supervisorId: server.id,
    types: adapters.types,
    free: () => supervisor.free(),
    atWork: () => supervisor.atWork(),
    start: (order, claimedAt) => supervisor.adopt(order, claimedAt),
    log,
  })
  const orphanage = createOrphanage(store, server, log)
  const forget = store.onCommit((rows) => {
    supervisor.heed(rows)
    dispatcher.heed(rows)
  })
  const stop = async (): Promise<void> => {
    const over = Promise.all([dispatcher.stop(), supervisor.stop()])
    // The database may be away, and then there is nothing to wait for: leases end what could not be ended.
    const late = new AbortController()
    await Promise.race([over, sleep(STOP_MOST_MS, undefined, { signal: late.signal }).catch(() => {})])
    late.abort()
    forget()
  }
  let stopping: Promise<void> | undefined
  return {
    serverId: server.id,
    duties: [
      { name: 'dispatch', everyMs: DISPATCH_EVERY_MS, run: async () => dispatcher.poke() },
      { name: 'tend', everyMs: Math.min(TEND_EVERY_MS, renewEveryMs), run: () => supervisor.tend() },
      { name: 'orphans', everyMs: ORPHANS_EVERY_MS, run: () => orphanage.tend() },
    ],
    isLost: (serverId) => orphanage.isLost(serverId),
    stop: () => (stopping ??= stop()),
  }
}
