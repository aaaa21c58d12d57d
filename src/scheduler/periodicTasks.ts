import type { Log } from '../platform/kernel/log.ts'

/** A task of the server that repeats: the reaper, the timers, retention, the sealing of the audit chain. */
export interface PeriodicTask {
  readonly name: string
  readonly intervalMs: number
  readonly run: () => Promise<unknown>
}

export interface PeriodicTasks {
  /** Starts no task any more, at once. Resolves when the tasks in progress have ended. */
  stop(): Promise<void>
}

/** Servers that start together must not tick together. */
const JITTER = 0.2
/** The delay before a failed task is retried. Every further failure in a row doubles it, up to the interval of the task. */
const RETRY_DELAY_MS = 500

/**
 * Runs every task repeatedly at its own interval, never twice at once. A task that fails is logged and retried: the database
 * may be away, and everything that a task does can be done later. The retry comes soon, because the reaper has ten seconds
 * for its work (I3) and must not lose two of its intervals to one lost connection.
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
      // While the server stops, its pools close under a task in progress. The rest of its work is due again after a restart.
      if (!stopped) log.warn({ err: error, duty: task.name }, 'periodic task failed; retrying')
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
