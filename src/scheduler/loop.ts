import type { Log } from '../kernel/log.ts'

export interface Duty {
  readonly name: string
  readonly everyMs: number
  readonly run: () => Promise<unknown>
}

export interface Loop {
  /** Starts no duty any more, at once; resolves when those under way are over. */
  stop(): Promise<void>
}

/** Servers that start together must not tick together. */
const JITTER = 0.2
/** How soon a duty that failed is tried again; every further failure in a row doubles it, up to the duty's own rhythm. */
const AGAIN_MS = 500

/**
 * Runs duties over and over, each in its own rhythm and never twice at once. A duty that fails is logged and tried
 * again: the database may be away, and everything a duty does can be done later. Soon, because what the reaper is to have
 * done within ten seconds must not wait two of its rounds for one lost connection (I3).
 */
export function startLoop(duties: readonly Duty[], log: Log): Loop {
  let stopped = false
  const timers = new Map<string, NodeJS.Timeout>()
  const underWay = new Set<Promise<void>>()

  const schedule = (duty: Duty, delayMs: number, failures: number): void => {
    if (stopped) return
    const timer = setTimeout(() => {
      const work = perform(duty, failures).finally(() => underWay.delete(work))
      underWay.add(work)
    }, delayMs)
    timer.unref()
    timers.set(duty.name, timer)
  }

  const perform = async (duty: Duty, failures: number): Promise<void> => {
    const rhythmMs = duty.everyMs * (1 - JITTER / 2 + JITTER * Math.random())
    try {
      await duty.run()
      schedule(duty, rhythmMs, 0)
    } catch (error) {
      // While the server stops, its pools close under a duty that is under way; what it left undone is due again later.
      if (!stopped) log.warn({ err: error, duty: duty.name }, 'a duty failed and will be tried again')
      schedule(duty, Math.min(rhythmMs, AGAIN_MS * 2 ** failures), failures + 1)
    }
  }

  for (const duty of duties) schedule(duty, duty.everyMs * Math.random() * JITTER, 0)
  return {
    async stop() {
      stopped = true
      for (const timer of timers.values()) clearTimeout(timer)
      await Promise.all(underWay)
    },
  }
}
