import type { Log } from '../platform/kernel/log.ts'

export interface PeriodicTask {
  readonly name: string
  readonly intervalMs: number
  readonly run: () => Promise<unknown>
}

export interface PeriodicTasks {
  /** Starts no duty any more, at once; resolves when those under way are over. */
  stop(): Promise<void>
}

/** Servers that start together must not tick together. */
const JITTER = 0.2
/** How soon a duty that failed is tried again; every further failure in a row doubles it, up to the duty's own rhythm. */
const RETRY_DELAY_MS = 500

/**
 * Runs duties over and over, each in its own rhythm and never twice at once. A duty that fails is logged and tried
 * again: the database may be away, and everything a duty does can be done later. Soon, because what the reaper is to have
 * done within ten seconds must not wait two of its rounds for one lost connection (I3).
 */
export function startPeriodicTasks(tasks: readonly PeriodicTask[], log: Log): PeriodicTasks {
  let stopped = false
  const timers = new Map<string, NodeJS.Timeout>()
  const inFlight = new Set<Promise<void>>()

  const schedule = (task: PeriodicTask, delayMs: number, failures: number): void => {
    if (stopped) return
    const timer = setTimeout(() => {
      const work = runTask(task, failures).finally(() => inFlight.delete(work))
      inFlight.add(work)
    }, delayMs)
    timer.unref()
    timers.set(task.name, timer)
  }

  const runTask = async (task: PeriodicTask, failures: number): Promise<void> => {
    const jitteredMs = task.intervalMs * (1 - JITTER / 2 + JITTER * Math.random())
    try {
      await task.run()
      schedule(task, jitteredMs, 0)
    } catch (error) {
      // While the server stops, its pools close under a duty that is under way; what it left undone is due again later.
      if (!stopped) log.warn({ err: error, duty: task.name }, 'a duty failed and will be tried again')
      schedule(task, Math.min(jitteredMs, RETRY_DELAY_MS * 2 ** failures), failures + 1)
    }
  }

  for (const task of tasks) schedule(task, task.intervalMs * Math.random() * JITTER, 0)
  return {
    async stop() {
      stopped = true
      for (const timer of timers.values()) clearTimeout(timer)
      await Promise.all(inFlight)
    },
  }
}
