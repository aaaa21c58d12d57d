import { settlesWithin } from '../platform/kernel/timeout.ts'
import { forceKill, requestStop, SERVER_STOPPED } from './supervisedRun.ts'
import type { SupervisedRun } from './supervisedRun.ts'

/** How long runs may take to end when the server stops; after that their processes are killed. */
const STOP_GRACE_MS = 4000
/** After the kill only the database can delay the writing of an end; the lease then ends the run instead. */
const STOP_WRITE_TIMEOUT_MS = 3500

export interface ShutdownDeps {
  readonly runs: ReadonlyMap<string, SupervisedRun>
  /** The supervision of each run: resolves when the end of the run is written. */
  readonly inFlight: ReadonlySet<Promise<void>>
  /** Resolves when no further run can appear. */
  readonly claimsEnded: Promise<void>
  /** Aborted at the end: writes that failed are not retried any more. */
  readonly retryAbort: AbortController
}

/** Stops every run: gracefully, by force after 4 s. Resolves when all ends are written, or after 7.5 s. */
export async function stopAllRuns({ runs, inFlight, claimsEnded, retryAbort }: ShutdownDeps): Promise<void> {
  for (const run of runs.values()) requestStop(run, 'server_stopped', SERVER_STOPPED)
  // A run whose claim was in progress is supervised only after the claim, and its end is to be written as well.
  const ended = claimsEnded.then(() => Promise.all(inFlight))
  const forceKillTimer = setTimeout(() => [...runs.values()].forEach(forceKill), STOP_GRACE_MS)
  await settlesWithin(ended, STOP_GRACE_MS + STOP_WRITE_TIMEOUT_MS)
  clearTimeout(forceKillTimer)
  retryAbort.abort()
}
