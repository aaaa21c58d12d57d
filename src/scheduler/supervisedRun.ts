import { killOrphan } from '../adapters/index.ts'
import type { ProcessIdentity, StartedRun } from '../adapters/index.ts'
import type { StartOrder } from '../control/dispatch/index.ts'
import { SUPERVISED_LEASE_S } from '../engine/runs/index.ts'
import type { RunLogWriter } from '../engine/runs/index.ts'
import { beginRunSpan } from '../platform/kernel/trace.ts'
import type { Span } from '../platform/kernel/trace.ts'

const LEASE_MS = SUPERVISED_LEASE_S * 1000
/** A third of the lease: two more renewals can fail before the lease expires. */
export const RENEW_INTERVAL_MS = LEASE_MS / 3
/** How long the process of a run may take to exit after the agent itself has finished the run. */
const EXIT_GRACE_MS = 5000
/** A run without a lease has nothing more to report, and another run may hold its issue by now: it gets less time to exit. */
const LEASE_LOST_GRACE_MS = 2000

const LEASE_LOST = 'The lease of the run expired before it could be renewed'
export const SERVER_STOPPED = 'The server was stopped'

/** Why a run has to stop: another request ended it, its lease expired, or this server shuts down. */
type StopCause = 'run_ended' | 'lease_expired' | 'server_stopped'

/** A run that this server supervises. The life of the run, the leases and the shutdown share this one record. */
export interface SupervisedRun {
  readonly order: StartOrder
  readonly logWriter: RunLogWriter
  /** From the claim of the run to its end; null where no traces are collected. */
  readonly span: Span | null
  /**
   * The latest moment at which the lease is known to have been renewed. It is read from this process's own monotonic clock,
   * which also advances while the process is stopped.
   */
  leaseRenewedAt: number
  started: StartedRun | null
  process: ProcessIdentity | null
  /** The first reason to stop; later reasons do not replace it. */
  stopRequest: { readonly cause: StopCause; readonly reason: string } | null
  /** Its end is being written: what other requests commit meanwhile does not concern it. */
  isFinishing: boolean
  /** Supervision has ended, so its process is not to be killed any more. */
  isOver: boolean
  /** Runs after the agent has finished the run itself; when it fires, the process is asked to exit. */
  exitGraceTimer: NodeJS.Timeout | null
}

/** A record for a run that was claimed at `claimedAt` (milliseconds, by this process's monotonic clock) and has not started. */
export const newSupervisedRun = (order: StartOrder, logWriter: RunLogWriter, claimedAt: number): SupervisedRun => ({
  order,
  logWriter,
  span: beginRunSpan(order, performance.now() - claimedAt),
  leaseRenewedAt: claimedAt,
  started: null,
  process: null,
  stopRequest: null,
  isFinishing: false,
  isOver: false,
  exitGraceTimer: null,
})

/** Asks a run to stop: gracefully, and by force after two seconds when its lease has expired. The first reason counts. */
export function requestStop(run: SupervisedRun, cause: StopCause, reason: string): void {
  if (run.stopRequest !== null) return
  run.stopRequest = { cause, reason }
  run.started?.cancel(reason)
  if (cause === 'lease_expired') setTimeout(() => forceKill(run), LEASE_LOST_GRACE_MS).unref()
}

/** Kills every process of a run at once. */
export function forceKill({ process, order, isOver }: SupervisedRun): void {
  if (process !== null && !isOver) killOrphan(process, order.runId, 0).catch(() => {})
}

/**
 * Whether the lease of a run may be renewed. A run that another request has ended is dead or dying, and a renewed lease would
 * claim the opposite. During a shutdown the lease is still renewed: the run may end by itself.
 */
export const mayRenewLease = ({ stopRequest }: SupervisedRun): boolean => stopRequest === null || stopRequest.cause === 'server_stopped'

/** Whether the lease of a run has expired, by this process's own clock. */
const isLeaseExpired = (run: SupervisedRun): boolean => performance.now() - run.leaseRenewedAt > LEASE_MS

/** Stops a run whose lease has expired. */
export function stopIfLeaseExpired(run: SupervisedRun): void {
  if (isLeaseExpired(run)) requestStop(run, 'lease_expired', LEASE_LOST)
}

/**
 * Stops a run that has ended without its supervisor. An agent that may have finished the run itself is about to end its
 * process, and its last output is worth keeping: it gets five seconds.
 * @param status of the run; undefined when the run was deleted
 */
export function stopEndedRun(run: SupervisedRun, status: string | undefined, mayHaveFinishedItself: boolean): void {
  const reason = stopReason(status)
  if (mayHaveFinishedItself) run.exitGraceTimer ??= setTimeout(() => requestStop(run, 'run_ended', reason), EXIT_GRACE_MS).unref()
  else requestStop(run, status === 'running' || status === 'timed_out' ? 'lease_expired' : 'run_ended', reason)
}

function stopReason(status: string | undefined): string {
  if (status === undefined) return 'The run was deleted'
  return status === 'running' ? LEASE_LOST : `The run is ${status}`
}
