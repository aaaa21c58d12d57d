import type { Log } from '../platform/kernel/log.ts'

/** A start that is under way may take this long to come to an end of its own once the process is to leave. */
const START_GRACE_MS = 5000
/** Past the sum of all graces: whatever keeps the process then, its supervisor must not be the one to notice. */
const FORCE_EXIT_MS = 30_000

/** What a process has started, and the one way in which it ends. */
export interface ProcessLifecycle {
  /**
   * Starts something and remembers how to end it.
   * @param start stops early and rejects when the signal is aborted, where it can
   * @throws what `start` throws; the signal's reason when the process is leaving
   */
  startResource<T>(start: (signal: AbortSignal) => Promise<T>, end?: (started: T) => Promise<void>): Promise<T>
  /** Ends what was started, newest first, then the process with this code. The first call counts. */
  readonly shutdown: (code: number) => void
  readonly isShuttingDown: () => boolean
  /** Where to say what happens, once there is a log; before that it goes to stderr. */
  readonly setLog: (log: Log) => void
  /** An error that nobody handles: nothing is certain any more, so the process says so and leaves. */
  readonly crash: (error: unknown) => void
  /** A signal that asks for an end. */
  readonly handleSignal: (signal: NodeJS.Signals) => void
}

/** Resolves with the promise or after `ms`, whichever is first. */
async function waitAtMost(promise: Promise<unknown>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<void>((resolve) => (timer = setTimeout(resolve, ms)))
  await Promise.race([promise, timeout])
  clearTimeout(timer)
}

/**
 * @param exit ends the process with a code
 */
export function createProcessLifecycle(exit: (code: number) => void): ProcessLifecycle {
  const shutdownController = new AbortController()
  const cleanups: (() => Promise<void>)[] = []
  let currentStart: Promise<unknown> = Promise.resolve()
  let log: Log | undefined

  const reportError = (error: unknown, message: string): void =>
    log === undefined ? void process.stderr.write(`${message}: ${String(error)}\n`) : log.fatal({ err: error }, message)

  const runShutdown = async (code: number): Promise<void> => {
    setTimeout(() => exit(1), FORCE_EXIT_MS).unref()
    // What is being started cannot be ended before it is there.
    await waitAtMost(currentStart, START_GRACE_MS)
    let exitCode = code
    for (const end of cleanups.toReversed()) {
      try {
        await end()
      } catch (error) {
        reportError(error, 'stopping failed')
        exitCode = 1
      }
    }
    exit(exitCode)
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
    setLog: (to) => void (log = to),
    crash(error) {
      reportError(error, 'unhandled error')
      shutdown(1)
    },
    handleSignal(signal) {
      // A terminal and npm may both pass the same Ctrl-C on.
      if (!shutdownController.signal.aborted) log?.info({ signal }, 'stopping')
      shutdown(0)
    },
  }
}
