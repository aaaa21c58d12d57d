import type { Log } from './kernel/log.ts'

/** A start that is under way may take this long to come to an end of its own once the process is to leave. */
const STEP_GRACE_MS = 5000
/** Past the sum of all graces: whatever keeps the process then, its supervisor must not be the one to notice. */
const LAST_RESORT_MS = 30_000

/** What a process has started, and the one way in which it ends. */
export interface Life {
  /**
   * Starts something and remembers how to end it.
   * @param start stops early and rejects when the signal is aborted, where it can
   * @throws what `start` throws; the signal's reason when the process is leaving
   */
  begin<T>(start: (signal: AbortSignal) => Promise<T>, end?: (started: T) => Promise<void>): Promise<T>
  /** Ends what was started, newest first, then the process with this code. The first call counts. */
  readonly leave: (code: number) => void
  readonly isLeaving: () => boolean
  /** Where to say what happens, once there is a log; before that it goes to stderr. */
  readonly logTo: (log: Log) => void
  /** An error that nobody handles: nothing is certain any more, so the process says so and leaves. */
  readonly die: (error: unknown) => void
  /** A signal that asks for an end. */
  readonly obey: (signal: NodeJS.Signals) => void
}

/** Resolves with the promise or after `ms`, whichever is first. */
async function within(promise: Promise<unknown>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, ms)))
  await Promise.race([promise, late])
  clearTimeout(timer)
}

/**
 * @param exit ends the process with a code
 */
export function createLife(exit: (code: number) => void): Life {
  const leaving = new AbortController()
  const endings: (() => Promise<void>)[] = []
  let step: Promise<unknown> = Promise.resolve()
  let log: Log | undefined

  const complain = (error: unknown, message: string): void =>
    log === undefined ? void process.stderr.write(`${message}: ${String(error)}\n`) : log.fatal({ err: error }, message)

  const goDown = async (code: number): Promise<void> => {
    setTimeout(() => exit(1), LAST_RESORT_MS).unref()
    // What is being started cannot be ended before it is there.
    await within(step, STEP_GRACE_MS)
    let worst = code
    for (const end of endings.toReversed()) {
      try {
        await end()
      } catch (error) {
        complain(error, 'stopping failed')
        worst = 1
      }
    }
    exit(worst)
  }

  const leave = (code: number): void => {
    if (leaving.signal.aborted) return
    leaving.abort()
    goDown(code).catch(() => exit(1))
  }

  return {
    async begin(start, end) {
      leaving.signal.throwIfAborted()
      const known = start(leaving.signal).then((value) => {
        if (end !== undefined) endings.push(() => end(value))
        return value
      })
      step = known.catch(() => {})
      const started = await known
      leaving.signal.throwIfAborted()
      return started
    },
    leave,
    isLeaving: () => leaving.signal.aborted,
    logTo: (to) => void (log = to),
    die(error) {
      complain(error, 'unhandled error')
      leave(1)
    },
    obey(signal) {
      // A terminal and npm may both pass the same Ctrl-C on.
      if (!leaving.signal.aborted) log?.info({ signal }, 'stopping')
      leave(0)
    },
  }
}
