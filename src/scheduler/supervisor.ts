import { unregisterServer } from '../engine/runs/index.ts'
import type { RunProcess } from '../adapters/index.ts'
import type { LogWriter, RunEvent } from '../engine/runs/index.ts'
import type { StartOrder } from '../control/dispatch/index.ts'
import type { ActivityRow } from '../platform/db/types.ts'
import { createRunLeases } from './runLeases.ts'
import { superviseToEnd } from './runLife.ts'
import type { RunLifeDeps } from './runLife.ts'
import { newSupervisedRun, requestStop, SERVER_STOPPED, stopEndedRun } from './supervisedRun.ts'
import type { SupervisedRun } from './supervisedRun.ts'
import { stopAllRuns } from './supervisorShutdown.ts'

export interface SupervisorDeps extends Omit<RunLifeDeps, 'retrySignal'> {
  readonly logWriter: LogWriter
  readonly maxRuns: number
  readonly renewIntervalMs: number
  /** A run is over and its slot is free. */
  readonly onSlotFree: () => void
}

/** Starts claimed runs, watches them, and ends them. */
export interface Supervisor {
  /** How many more runs may be started. */
  freeSlots(): number
  /** Supervised runs by company. */
  runCountByCompany(): ReadonlyMap<string, number>
  /** The live runs with their processes. */
  liveRuns(): readonly RunProcess[]
  /** When the last run ended, or this supervisor was made: milliseconds of this process's monotonic clock. */
  quietSince(): number
  /** Adds an event to the log of a supervised run; nothing happens when it is supervised no more. */
  addEvent(runId: string, event: RunEvent): void
  /** Takes over a claimed run. `claimedAt` is when the claim was requested, in milliseconds of this process's monotonic clock. */
  start(order: StartOrder, claimedAt: number): void
  /** Renews the leases that are due, and stops runs whose lease has expired. To be called every second. */
  tick(): Promise<void>
  /** Receives what this process has committed, to stop runs that other requests have ended. */
  onCommit(rows: readonly ActivityRow[]): void
  /**
   * Ends every run, gracefully and then by force, within 8 s.
   * @param claimsEnded resolves when no claim is in progress any more; a run that was being claimed is ended as well
   */
  stop(claimsEnded: Promise<void>): Promise<void>
}

export function createSupervisor(deps: SupervisorDeps): Supervisor {
  const { store, server, logWriter } = deps
  const runs = new Map<string, SupervisedRun>()
  const inFlight = new Set<Promise<void>>()
  const retryAbort = new AbortController()
  let isStopping = false
  let lastRunEndedAt = performance.now()
  const leases = createRunLeases({ store, server, runs, renewIntervalMs: deps.renewIntervalMs, onServerRegistered: deps.onSlotFree })
  const lifeDeps: RunLifeDeps = { ...deps, retrySignal: retryAbort.signal }

  return {
    freeSlots: () => (isStopping || !leases.isServerRegistered() ? 0 : deps.maxRuns - runs.size),
    runCountByCompany() {
      const counts = new Map<string, number>()
      for (const { order } of runs.values()) counts.set(order.companyId, (counts.get(order.companyId) ?? 0) + 1)
      return counts
    },
    liveRuns: () => [...runs.values()].map(({ order, process }) => ({ runId: order.runId, pid: process?.pid ?? null })),
    quietSince: () => lastRunEndedAt,
    addEvent: (runId, event) => runs.get(runId)?.logWriter.addEvent(event),
    start(order, claimedAt) {
      const run = newSupervisedRun(order, logWriter.open(order.runId), claimedAt)
      runs.set(order.runId, run)
      if (isStopping) requestStop(run, 'server_stopped', SERVER_STOPPED)
      const supervise = (): Promise<void> => superviseToEnd(lifeDeps, run)
      const supervision = (run.span === null ? supervise() : run.span.within(supervise)).finally(() => {
        // A run whose end could not be written.
        run.span?.end()
        run.isOver = true
        lastRunEndedAt = performance.now()
        runs.delete(order.runId)
        inFlight.delete(supervision)
        deps.onSlotFree()
      })
      inFlight.add(supervision)
    },
    tick: () => leases.tick(),
    onCommit(rows) {
      for (const row of rows) {
        if (row.action !== 'heartbeat.run_finished') continue
        const run = runs.get(row.entityId)
        if (run === undefined || run.isFinishing) continue
        const isFinishedByAgent = row.actorType === 'agent' && row.actorId === run.order.agentId
        stopEndedRun(run, String(row.details['status']), isFinishedByAgent)
      }
    },
    async stop(claimsEnded) {
      isStopping = true
      await stopAllRuns({ runs, inFlight, claimsEnded, retryAbort })
      await logWriter.stop()
      unregisterServer(store, server.id).catch(() => {})
    },
  }
}
