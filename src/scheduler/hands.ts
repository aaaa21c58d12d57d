import type { RunTokens } from '../access/runTokens.ts'
import type { Adapters } from '../adapters/index.ts'
import type { Store } from '../db/store.ts'
import type { Log } from '../kernel/log.ts'
import { createJournal } from '../runs/index.ts'
import { createDispatcher } from './dispatch.ts'
import { thisServer } from './host.ts'
import type { Duty } from './loop.ts'
import { createSupervisor } from './supervise.ts'

/** Finds what other servers have queued. Own commits are heard of at once, so an idle server need not ask often. */
const DISPATCH_EVERY_MS = 2000
/** A look at this process's own clock; the database is asked every ten seconds. */
const TEND_EVERY_MS = 1000

export interface HandsDeps {
  readonly store: Store
  readonly tokens: RunTokens
  readonly adapters: Adapters
  /** Runs that this server has at work at once. */
  readonly maxRuns: number
  /** Where runs find the API, without a trailing slash. */
  readonly apiUrl: string
  readonly log: Log
}

/** A server's own hands: it claims queued runs, starts them, watches them and ends them. */
export interface Hands {
  /** This server, as its runs name it. */
  readonly serverId: string
  readonly duties: readonly Duty[]
  /** Starts nothing more and ends what runs, within 8 s. Idempotent. */
  stop(): Promise<void>
}

export function createHands({ store, tokens, adapters, maxRuns, apiUrl, log }: HandsDeps): Hands {
  const server = thisServer()
  const journal = createJournal(store, log)
  const supervisor = createSupervisor({
    store,
    tokens,
    apiUrl,
    adapters,
    journal,
    server,
    maxRuns,
    log,
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
  const forget = store.onCommit((rows) => {
    supervisor.heed(rows)
    dispatcher.heed(rows)
  })
  const stop = async (): Promise<void> => {
    const claimed = dispatcher.stop()
    await Promise.all([claimed, supervisor.stop()])
    forget()
  }
  let stopping: Promise<void> | undefined
  return {
    serverId: server.id,
    duties: [
      { name: 'dispatch', everyMs: DISPATCH_EVERY_MS, run: async () => dispatcher.poke() },
      { name: 'tend', everyMs: TEND_EVERY_MS, run: () => supervisor.tend() },
    ],
    stop: () => (stopping ??= stop()),
  }
}
