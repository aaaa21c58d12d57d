import type { Log } from '../platform/kernel/log.ts'
import { settlesWithin } from '../platform/kernel/timeout.ts'

/**
 * How long a start in progress may take to complete when the process shuts down. Creating a database takes half a second on
 * an idle machine and more than five on a busy one; an exit before its end leaves its processes behind for a moment.
 */
const START_GRACE_MS = 15_000
/** Longer than the sum of all grace periods. The process then exits by itself, before its supervisor kills it. */
const FORCE_EXIT_MS = 30_000

/** The last lines of the log may take this long. A reader that has stopped reading must not keep the process alive. */
const FLUSH_LOG_MS = 1000
/**
 * A signal that comes this long after the first one is meant: it ends the process at once. Before that it is the same
 * signal again, because a terminal and npm both forward a Ctrl-C.
 */
const SECOND_SIGNAL_MS = 1000

/** The resources that a process has started, and the one way in which it ends. */
export interface ProcessLifecycle {
  /**
   * Starts a resource and remembers how to end it.
   * @param start stops early and rejects when the signal is aborted, where it can
   * @throws what `start` throws; the signal's reason when the process is shutting down
   */
  startResource<T>(start: (signal: AbortSignal) => Promise<T>, end?: (started: T) => Promise<void>): Promise<T>
  /** Ends the resources, newest first, then the process with this code. Later calls have no effect. */
  readonly shutdown: (code: number) => void
  readonly isShuttingDown: () => boolean
  /** Sets the log. Errors go to stderr before that. @param flush writes its last lines, for at most so many milliseconds */
  readonly setLog: (log: Log, flush?: (timeoutMs: number) => Promise<void>) => void
  /** Handles an unhandled error: the state of the process is unknown, so it logs the error and shuts down. */
  readonly crash: (error: unknown) => void
  /**
   * Handles a signal that requests a shutdown. A second one ends the process without waiting for its resources. The
   * embedded Postgres still shuts down in order: the kernel sends it SIGINT when this process ends.
   */
  readonly handleSignal: (signal: NodeJS.Signals) => void
  /** Sets what is done when the operator asks for files to be read again. */
  readonly setReload: (reload: () => void) => void
  /** Handles the signal with which service managers ask for that. Nothing happens before the start is complete enough. */
  readonly handleReload: () => void
  /** Handles the signal that would open Node's debugger, by a line in the log. */
  readonly refuseDebugger: () => void
}

/**
 * @param exit ends the process with a code
 */
export function createProcessLifecycle(exit: (code: number) => void): ProcessLifecycle {
  const shutdownController = new AbortController()
  const cleanups: (() => Promise<void>)[] = []
  let currentStart: Promise<unknown> = Promise.resolve()
  let log: Log | undefined
  let flushLog = (_timeoutMs: number): Promise<void> => Promise.resolve()
  let reload = (): void => {}
  const isSecondSignal = createSecondSignalDetector()

  const reportError = (error: unknown, message: string): void =>
    log === undefined ? void process.stderr.write(`${message}: ${String(error)}\n`) : log.fatal({ err: error }, message)

  const runShutdown = async (code: number): Promise<void> => {
    setTimeout(() => exit(1), FORCE_EXIT_MS).unref()
    // A resource that is starting cannot be ended before its start is complete.
    await settlesWithin(currentStart, START_GRACE_MS)
    const haveEnded = await endAll(cleanups, (error) => reportError(error, 'shutdown of a resource failed'))
    await flushLog(FLUSH_LOG_MS)
    exit(haveEnded ? code : 1)
  }

  const shutdown = (code: number): void => {
    if (shutdownController.signal.aborted) return
    shutdownController.abort()
    runShutdown(code).catch(() => exit(1))
  }

  return {
    async startResource(start, end) {
      shutdownController.signal.throwIfAborted()
      const starting = start(shutdownController.signal).then((value) => {
        if (end !== undefined) cleanups.push(() => end(value))
        return value
      })
      currentStart = starting.catch(() => {})
      const started = await starting
      shutdownController.signal.throwIfAborted()
      return started
    },
    shutdown,
    isShuttingDown: () => shutdownController.signal.aborted,
    setLog: (to, flush = flushLog) => void ([log, flushLog] = [to, flush]),
    crash(error) {
      reportError(error, 'unhandled error')
      shutdown(1)
    },
    handleSignal(signal) {
      if (isSecondSignal()) return exit(1)
      if (!shutdownController.signal.aborted) log?.info({ signal }, 'stopping')
      shutdown(0)
    },
    setReload: (next) => void (reload = next),
    handleReload() {
      if (!shutdownController.signal.aborted) reload()
    },
    refuseDebugger: () => log?.warn('SIGUSR1 opens no debugger: every account of this machine could use it'),
  }
}

/** Ends resources, newest first. @returns whether all of them have ended in order */
async function endAll(cleanups: readonly (() => Promise<void>)[], report: (error: unknown) => void): Promise<boolean> {
  let haveEnded = true
  for (const end of cleanups.toReversed()) {
    try {
      await end()
    } catch (error) {
      report(error)
      haveEnded = false
    }
  }
  return haveEnded
}

/** Returns a function that is called for each signal, and says whether the signal comes `SECOND_SIGNAL_MS` after the first. */
function createSecondSignalDetector(): () => boolean {
  let firstAt: number | undefined
  return () => {
    firstAt ??= performance.now()
    return performance.now() - firstAt >= SECOND_SIGNAL_MS
  }
}
