import { startQueuedRun, listStartable } from '../control/dispatch/index.ts'
import type { Candidate, StartOrder } from '../control/dispatch/index.ts'
import type { ActivityRow, Store } from '../platform/db/types.ts'
import type { Log } from '../platform/kernel/log.ts'

/** Claims under way at once: enough to keep the database busy, few enough to leave requests their connections. */
const CLAIM_CONCURRENCY = 4
/** Candidates of one look. A look costs a step per waiting agent, so its result serves many claims. */
const BATCH_SIZE = 128
/** Older than this, a look no longer says whose turn it is. */
const BATCH_TTL_MS = 500
/** After a look that led to nothing: commits that queue no run may be many. */
const EMPTY_POLL_DELAY_MS = 50
/** Looks that led to nothing in a row while something may be claimable; the next tick tries again. */
const MAX_EMPTY_POLLS = 5

export interface DispatchDeps {
  readonly store: Store
  readonly supervisorId: string
  readonly types: readonly string[]
  /** How many more runs may be started now. */
  readonly freeSlots: () => number
  readonly runCountByCompany: () => ReadonlyMap<string, number>
  readonly start: (order: StartOrder, claimedAt: number) => void
  readonly log: Log
}

/** Claims queued runs as long as there is room, and hands them to their supervisor. */
export interface Dispatcher {
  /** Looks soon. */
  notify(): void
  /** Looks soon if a commit may have queued a run or made one claimable. */
  onCommit(rows: readonly ActivityRow[]): void
  /** Claims no more; resolves when no claim is under way. */
  stop(): Promise<void>
}

/** What never queues a run nor frees an agent; everything else is worth a look. */
const irrelevantActions: ReadonlySet<string> = new Set([
  'heartbeat.run_started',
  'issue.checkout_lock_adopted',
  'issue.lock_cleared',
  'issue.released',
  'wake.closed',
  'wake.deferred',
])
// The board's checkout wakes the agent; an agent's own does not.
const mayQueueRun = (row: ActivityRow): boolean =>
  row.action === 'issue.checked_out' ? row.actorType === 'user' : !irrelevantActions.has(row.action)

export function createDispatcher(deps: DispatchDeps): Dispatcher {
  const { store, supervisorId, types, freeSlots, log } = deps
  let batch: Candidate[] = []
  let polledAt = -Infinity
  let isEmptyPoll = false
  let isNotified = false
  let stopped = types.length === 0
  let working: Promise<void> | undefined
  let timer: NodeJS.Timeout | undefined

  const poll = async (): Promise<boolean> => {
    isNotified = false
    polledAt = performance.now()
    batch = await listStartable(store, types, deps.runCountByCompany(), BATCH_SIZE)
    return batch.length > 0
  }

  /** Claims one run of each of the next agents, as many at once as may be. @returns whether any claim led to something */
  const claimBatch = async (): Promise<boolean> => {
    const limit = Math.min(CLAIM_CONCURRENCY, freeSlots())
    const chosen: Candidate[] = []
    const rest: Candidate[] = []
    // Two claims for one agent at once would be in each other's way.
    for (const candidate of batch) {
      if (chosen.length < limit && !chosen.some((other) => other.agentId === candidate.agentId)) chosen.push(candidate)
      else rest.push(candidate)
    }
    batch = rest
    const results = await Promise.all(chosen.map(claimOne))
    return results.includes(true)
  }

  const claimOne = async (candidate: Candidate): Promise<boolean> => {
    const claimedAt = performance.now()
    const claim = await startQueuedRun(store, supervisorId, types, candidate).catch((error: unknown) => {
      // Whoever stands behind it in the queue is not to wait for what ails this one; it is first again in the next look.
      if (!stopped) log.warn({ err: error, agentId: candidate.agentId }, 'a queued run could not be claimed and will be tried again')
      return null
    })
    if (claim === null) return false
    if (claim.kind === 'claimed') deps.start(claim.order, claimedAt)
    // The next in line is this agent's next run.
    if (claim.kind === 'set_aside') batch.unshift(candidate)
    return claim.kind !== 'none'
  }

  const work = async (): Promise<void> => {
    // A claim may come to nothing because somebody has the agent for a moment, so a few looks follow.
    let emptyPolls = 0
    while (!stopped && freeSlots() > 0) {
      if (batch.length === 0 || performance.now() - polledAt > BATCH_TTL_MS) {
        if (emptyPolls === MAX_EMPTY_POLLS) return
        if (emptyPolls > 0) await pause()
        emptyPolls += 1
        isEmptyPoll = !(await poll())
        if (isEmptyPoll && !isNotified) return
      }
      if (await claimBatch()) emptyPolls = 0
    }
  }

  const pause = (): Promise<void> => new Promise((resolve) => void setTimeout(resolve, EMPTY_POLL_DELAY_MS).unref())

  const scheduleWork = (): void => {
    if (stopped || working !== undefined || timer !== undefined || freeSlots() <= 0) return
    const wait = isEmptyPoll ? EMPTY_POLL_DELAY_MS - (performance.now() - polledAt) : 0
    timer = setTimeout(startWork, Math.max(0, wait))
    timer.unref()
  }

  const startWork = (): void => {
    timer = undefined
    working = work()
      .catch((error: unknown) => {
        batch = []
        if (!stopped) log.warn({ err: error }, 'the queue of runs could not be read and will be looked at again')
      })
      .finally(() => {
        working = undefined
        if (isNotified) scheduleWork()
      })
  }

  const notify = (): void => {
    isNotified = true
    scheduleWork()
  }

  return {
    notify,
    onCommit(rows) {
      if (rows.some(mayQueueRun)) notify()
    },
    async stop() {
      stopped = true
      clearTimeout(timer)
      await working
    },
  }
}
