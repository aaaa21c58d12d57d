import type { RunTokens } from '../auth/runTokens.ts'
import type { LocalRuns } from '../auth/localCaller.ts'
import type { Adapters, Chunk, Worktrees } from '../adapters/index.ts'
import { tickWorkspaces } from '../control/workspaces/index.ts'
import { createIsolationSweep } from './agentIsolation.ts'
import { createLocalRuns } from './localRuns.ts'
import type { Peers } from '../platform/kernel/peers.ts'
import type { Store } from '../platform/db/types.ts'
import type { Log } from '../platform/kernel/log.ts'
import { withTimeout } from '../platform/kernel/timeout.ts'
import { createLogWriter } from '../engine/runs/index.ts'
import type { ServerIdentity } from '../engine/runs/index.ts'
import { createDispatcher, mayQueueRuns } from './dispatcher.ts'
import type { Dispatcher } from './dispatcher.ts'
import { serverIdentity } from './serverIdentity.ts'
import type { PeriodicTask } from './periodicTasks.ts'
import { createOrphanReaper } from './orphanReaper.ts'
import { RENEW_INTERVAL_MS } from './supervisedRun.ts'
import { createSupervisor } from './supervisor.ts'
import type { Supervisor } from './supervisor.ts'

/** The sweep is due once, soon after the start; this is how soon. */
const ISOLATION_SWEEP_INTERVAL_MS = 10_000
/** How soon the worktree of an operation that a crash has cut is cleaned up, and that of a closed issue is removed. */
const WORKSPACES_INTERVAL_MS = 20_000
/** How often this host says that it uses the folder of worktrees. Others take it for gone after two minutes. */
const WORKTREE_HOST_INTERVAL_MS = 20_000
/** The topic of hints that a run was queued for which this worker has no place. */
const QUEUED = 'run queued'
/** How soon the processes of a crashed server of this host are killed. */
const ORPHAN_REAP_INTERVAL_MS = 10_000
/** Finds runs that other servers have queued. A server learns of its own commits at once, so an idle server polls rarely. */
const DISPATCH_INTERVAL_MS = 5000
/** How often this process compares leases with its own clock. The database is asked every ten seconds. */
const SUPERVISOR_TICK_INTERVAL_MS = 1000
/** The longest time that a stop may take: most process managers kill a process after ten seconds. */
const STOP_TIMEOUT_MS = 8000

/** Receives what runs write while they are live. */
export interface RunObserver {
  /** A piece of a run's output, as it arrives. */
  publishLogLine(line: { companyId: string; runId: string; agentId: string } & Chunk): void
  /** Events of runs have been written. */
  notify(): void
}

export interface RunnerDeps {
  readonly store: Store
  readonly tokens: RunTokens
  readonly adapters: Adapters
  /** Worktrees of git on this host; none unless given. */
  readonly worktrees?: Worktrees | null
  /** How many runs this server executes at once. */
  readonly maxRuns: number
  /** Where runs find the API, without a trailing slash. */
  readonly apiUrl: string
  readonly observer: RunObserver
  readonly log: Log
  /** The other workers; null, or left out, for a server that is one process. */
  readonly peers?: Peers | null
  /** The interval of lease renewals, in milliseconds; ten seconds unless a test needs a shorter one. */
  readonly renewIntervalMs?: number
}

/** The part of a server that executes runs: it claims queued runs, starts them, watches them and ends them. */
export interface Runner {
  /** The id by which runs name this server. */
  readonly serverId: string
  readonly periodicTasks: readonly PeriodicTask[]
  /** The processes of the runs, for the check of local callers. */
  readonly localRuns: LocalRuns
  /** Whether a server of this host is known to have crashed. */
  readonly isServerDead: (serverId: string) => boolean
  /** Starts no more runs and ends the supervised ones, within 8 s. Idempotent. */
  stop(): Promise<void>
}

/** Creates the dispatcher, the supervisor and the orphan reaper of a server, and connects them. */
export function createRunner(deps: RunnerDeps): Runner {
  const { store, log, renewIntervalMs = RENEW_INTERVAL_MS } = deps
  const server = serverIdentity()
  const { dispatcher, supervisor } = createDispatch(deps, server, renewIntervalMs)
  const orphanReaper = createOrphanReaper(store, server, log)
  const unsubscribe = store.onCommit((rows) => {
    supervisor.onCommit(rows)
    dispatcher.onCommit(rows)
    // Another worker may have a place for it, and would find it with its next poll.
    if (supervisor.freeSlots() === 0 && mayQueueRuns(rows)) deps.peers?.hint(QUEUED)
  })
  deps.peers?.onNotice(QUEUED, () => dispatcher.notify())
  const stop = async (): Promise<void> => {
    // The database may be away. Then a longer wait changes nothing: leases end the runs whose end could not be written.
    await withTimeout(supervisor.stop(dispatcher.stop()), STOP_TIMEOUT_MS, () => {})
    unsubscribe()
  }
  let stopping: Promise<void> | undefined
  return {
    serverId: server.id,
    localRuns: createLocalRuns(supervisor, deps.peers),
    periodicTasks: [
      { name: 'dispatch', intervalMs: DISPATCH_INTERVAL_MS, run: async () => dispatcher.notify() },
      { name: 'supervise', intervalMs: Math.min(SUPERVISOR_TICK_INTERVAL_MS, renewIntervalMs), run: () => supervisor.tick() },
      { name: 'isolation', intervalMs: ISOLATION_SWEEP_INTERVAL_MS, run: createIsolationSweep(deps) },
      { name: 'workspaces', intervalMs: WORKSPACES_INTERVAL_MS, run: () => tickWorkspaces(store, deps.worktrees ?? null) },
      { name: 'worktree_host', intervalMs: WORKTREE_HOST_INTERVAL_MS, run: async () => deps.worktrees?.sign() },
      { name: 'orphans', intervalMs: ORPHAN_REAP_INTERVAL_MS, run: () => orphanReaper.tick() },
    ],
    isServerDead: (serverId) => orphanReaper.isServerDead(serverId),
    stop: () => (stopping ??= stop()),
  }
}

/** The dispatcher passes claimed runs to the supervisor, and the supervisor notifies the dispatcher of free slots. */
function createDispatch(
  { store, tokens, apiUrl, adapters, worktrees = null, maxRuns, observer, log }: RunnerDeps,
  server: ServerIdentity,
  renewIntervalMs: number,
): { readonly dispatcher: Dispatcher; readonly supervisor: Supervisor } {
  const supervisor = createSupervisor({
    store,
    tokens,
    apiUrl,
    adapters,
    worktrees,
    logWriter: createLogWriter(store, log, () => observer.notify()),
    server,
    maxRuns,
    renewIntervalMs,
    log,
    onOutput: ({ runId, agentId, companyId }, chunk) => observer.publishLogLine({ runId, agentId, companyId, ...chunk }),
    onSlotFree: () => dispatcher.notify(),
  })
  const dispatcher: Dispatcher = createDispatcher({
    store,
    supervisorId: server.id,
    types: adapters.types,
    freeSlots: () => supervisor.freeSlots(),
    runCountByCompany: () => supervisor.runCountByCompany(),
    start: (order, claimedAt) => supervisor.start(order, claimedAt),
    log,
  })
  return { dispatcher, supervisor }
}
