import type { Log } from '../platform/kernel/log.ts'

/** A task of the server that repeats: the reaper, the timers, retention, the sealing of the audit chain. */
export interface PeriodicTask {
  readonly name: string
  readonly intervalMs: number
  readonly run: () => Promise<unknown>
  /** Looks whether the task has something to do. Without it the task finds out by itself. */
  readonly look?: Look
}

/** One look for the work of several tasks, so that a server without work asks the database one thing and not as many as it has tasks. */
export interface Look {
  readonly intervalMs: number
  /**
   * @param names the tasks that may begin now
   * @returns those of them that may have something to do
   */
  readonly findDue: (names: readonly string[]) => Promise<ReadonlySet<string>>
}

export interface PeriodicTasks {
  /** Starts no task any more, at once. Resolves when the tasks in progress have ended. */
  stop(): Promise<void>
}

/** Servers that start together must not tick together. */
const JITTER = 0.2
/** The delay before a failed task is retried. Every further failure in a row doubles it, up to the interval of the task. */
const RETRY_DELAY_MS = 500

const jittered = (intervalMs: number): number => intervalMs * (1 - JITTER / 2 + JITTER * Math.random())

/** Begins pieces of work after delays, and ends them together. */
interface Timers {
  readonly isStopped: () => boolean
  /** @param key replaces what was to begin under the same key */
  after(key: object, delayMs: number, work: () => Promise<void>): void
  readonly stop: () => Promise<void>
}

function createTimers(): Timers {
  let isStopped = false
  const timers = new Map<object, NodeJS.Timeout>()
  const inFlight = new Set<Promise<void>>()
  return {
    isStopped: () => isStopped,
    after(key, delayMs, work) {
      if (isStopped) return
      const timer = setTimeout(() => {
        const tracked = work().finally(() => inFlight.delete(tracked))
        inFlight.add(tracked)
      }, delayMs)
      timer.unref()
      timers.set(key, timer)
    },
    async stop() {
      isStopped = true
      for (const timer of timers.values()) clearTimeout(timer)
      await Promise.all(inFlight)
    },
  }
}

/**
 * Runs every task repeatedly at its own interval, never twice at once. A task that fails is logged and retried: the database
 * may be away, and everything that a task does can be done later. The retry comes soon, because the reaper has ten seconds
 * for its work (I3) and must not lose two of its intervals to one lost connection. A task with a look runs when the look has found
 * work for it, at most as often as its interval; when a look fails, each of its tasks runs.
 */
export function startPeriodicTasks(tasks: readonly PeriodicTask[], log: Log): PeriodicTasks {
  const timers = createTimers()

  const run = async (task: PeriodicTask, failures: number, onDone: () => void): Promise<void> => {
    try {
      await task.run()
    } catch (error) {
      // While the server stops, its pools close under a task in progress. The rest of its work is due again after a restart.
      if (!timers.isStopped()) log.warn({ err: error, duty: task.name }, 'periodic task failed; retrying')
      const delayMs = Math.min(jittered(task.intervalMs), RETRY_DELAY_MS * 2 ** failures)
      return timers.after(task, delayMs, () => run(task, failures + 1, onDone))
    }
    onDone()
  }

  const repeat = (task: PeriodicTask, delayMs: number): void =>
    timers.after(task, delayMs, () => run(task, 0, () => repeat(task, jittered(task.intervalMs))))

  const repeatLook = (look: Look, found: (task: PeriodicTask, onDone: () => void) => void): void => {
    const round = createLookRound(
      tasks.filter((task) => task.look === look),
      look,
      found,
      (error) =>
        !timers.isStopped() && log.warn({ err: error }, 'the look for the work of periodic tasks failed; each of them looks itself'),
    )
    const next = (delayMs: number): void =>
      timers.after(look, delayMs, async () => {
        await round()
        next(jittered(look.intervalMs))
      })
    next(look.intervalMs * Math.random() * JITTER)
  }

  for (const task of tasks) if (task.look === undefined) repeat(task, task.intervalMs * Math.random() * JITTER)
  for (const look of new Set(tasks.flatMap((task) => task.look ?? [])))
    // Not awaited: a task with much to do delays no look.
    repeatLook(look, (task, onDone) => timers.after(task, 0, () => run(task, 0, onDone)))
  return { stop: timers.stop }
}

/**
 * Creates the round of a look: it asks for the tasks whose interval has passed and that are not at work, and begins those that have
 * something to do. It never rejects.
 */
function createLookRound(
  tasks: readonly PeriodicTask[],
  look: Look,
  begin: (task: PeriodicTask, onDone: () => void) => void,
  onError: (error: unknown) => void,
): () => Promise<void> {
  const askedAt = new Map<PeriodicTask, number>()
  const atWork = new Set<PeriodicTask>()
  return async () => {
    const now = performance.now()
    // The times of looks vary: a task is asked for at the look that is nearest to its time.
    const isReady = (task: PeriodicTask): boolean =>
      !atWork.has(task) && now - (askedAt.get(task) ?? -Infinity) > task.intervalMs - look.intervalMs / 2
    const ready = tasks.filter(isReady)
    if (ready.length === 0) return
    const names = ready.map(({ name }) => name)
    const due = await look.findDue(names).catch((error: unknown) => (onError(error), new Set(names)))
    for (const task of ready) {
      askedAt.set(task, now)
      if (!due.has(task.name)) continue
      atWork.add(task)
      begin(task, () => void atWork.delete(task))
    }
  }
}
