/** One run of a worker's `work`. */
export interface Round {
  /** Aborted when the worker stops. */
  readonly signal: AbortSignal
  /** True when a notification came since the round began or since the last call. It then causes no further round. */
  takeNotification(): boolean
}

export interface WorkerOptions {
  /** Delay between a notification and its round, in milliseconds. A function is called when the round is scheduled. */
  readonly minDelayMs: number | (() => number)
  /** The longest delay after failures, in milliseconds. It begins with `FIRST_BACKOFF_MS` and doubles. */
  readonly maxDelayMs: number
  /** @returns the milliseconds after which the next round begins without a notification; nothing when it waits for one */
  readonly work: (round: Round) => Promise<number | void>
  /** Receives what `work` threw. `failures` counts the failed rounds in a row, this one included. */
  readonly onError: (error: unknown, failures: number) => void
}

export interface Worker {
  /** Requests a round. After a failure it does not shorten the delay. */
  notify(): void
  /** Begins a round at once, or directly after the round in progress. */
  runNow(): void
  readonly isBusy: () => boolean
  /** Resolves when the round in progress has ended; at once when there is none. Never rejects. */
  whenIdle(): Promise<void>
  /** Begins no further round. Resolves when the round in progress has ended. */
  stop(): Promise<void>
}

const FIRST_BACKOFF_MS = 50

/** A timer that can be brought forward and not put back. It does not keep the process alive. */
function createTimer(onDue: () => void): { bringForward(delayMs: number): void; cancel(): void } {
  let timer: NodeJS.Timeout | undefined
  let dueAtMs = Infinity
  const cancel = (): void => {
    clearTimeout(timer)
    dueAtMs = Infinity
  }
  return {
    bringForward(requestedMs) {
      const delayMs = Math.max(0, requestedMs)
      const atMs = performance.now() + delayMs
      if (atMs >= dueAtMs) return
      clearTimeout(timer)
      dueAtMs = atMs
      timer = setTimeout(onDue, delayMs).unref()
    },
    cancel,
  }
}

const delayOf = (delayMs: number | (() => number)): number => (typeof delayMs === 'number' ? delayMs : delayMs())

/**
 * Creates a worker: it works soon after a notification, never twice at once, again when it was notified during a round,
 * and less and less often while rounds fail.
 */
export function createWorker({ minDelayMs, maxDelayMs, work, onError }: WorkerOptions): Worker {
  const stopping = new AbortController()
  let requested: 'nothing' | 'soon' | 'now' = 'nothing'
  let failures = 0
  let current: Promise<void> | undefined

  const takeNotification = (): boolean => {
    const wasNotified = requested !== 'nothing'
    requested = 'nothing'
    return wasNotified
  }

  const runRound = async (): Promise<number | undefined> => {
    try {
      const nextDelayMs = await work({ signal: stopping.signal, takeNotification })
      failures = 0
      return nextDelayMs ?? undefined
    } catch (error) {
      failures += 1
      onError(error, failures)
      return Math.min(maxDelayMs, FIRST_BACKOFF_MS * 2 ** (failures - 1))
    }
  }

  const begin = (): void => {
    timer.cancel()
    requested = 'nothing'
    current = runRound().then((nextDelayMs) => {
      current = undefined
      if (nextDelayMs !== undefined) scheduleIn(nextDelayMs)
      if (failures > 0 || requested === 'nothing' || stopping.signal.aborted) return
      // Without a timer: the next round follows directly.
      if (requested === 'now') begin()
      else scheduleIn(delayOf(minDelayMs))
    })
  }

  const timer = createTimer(begin)
  const scheduleIn = (delayMs: number): void => {
    if (!stopping.signal.aborted) timer.bringForward(delayMs)
  }

  return {
    notify() {
      if (requested === 'nothing') requested = 'soon'
      if (current === undefined && failures === 0) scheduleIn(delayOf(minDelayMs))
    },
    runNow() {
      requested = 'now'
      if (current === undefined && !stopping.signal.aborted) begin()
    },
    isBusy: () => current !== undefined,
    whenIdle: async () => await current,
    async stop() {
      stopping.abort()
      timer.cancel()
      await current
    },
  }
}
