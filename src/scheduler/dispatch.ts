import { claimRun, listStartable } from '../execution/index.ts'
import type { Candidate, StartOrder } from '../execution/index.ts'
import type { ActivityRow } from '../db/record.ts'
import type { Store } from '../db/store.ts'
import type { Log } from '../kernel/log.ts'

/** Claims under way at once: enough to keep the database busy, few enough to leave requests their connections. */
const CLAIMERS = 4
/** Candidates of one look. A look costs a step per waiting agent, so its result serves many claims. */
const HAND = 128
/** Older than this, a look no longer says whose turn it is. */
const HAND_LASTS_MS = 500
/** After a look that led to nothing: commits that queue no run may be many. */
const PAUSE_MS = 50
/** Looks that led to nothing in a row while something may be claimable; the next tick tries again. */
const MOST_FRUITLESS = 5

export interface DispatchDeps {
  readonly store: Store
  readonly supervisorId: string
  readonly types: readonly string[]
  /** How many more runs may be started now. */
  readonly free: () => number
  readonly atWork: () => ReadonlyMap<string, number>
  readonly start: (order: StartOrder, claimedAt: number) => void
  readonly log: Log
}

/** Claims queued runs as long as there is room, and hands them to their supervisor. */
export interface Dispatcher {
  /** Looks soon. */
  poke(): void
  /** Looks soon if a commit may have queued a run or made one claimable. */
  heed(rows: readonly ActivityRow[]): void
  /** Claims no more; resolves when no claim is under way. */
  stop(): Promise<void>
}

/** What never queues a run nor frees an agent; everything else is worth a look. */
const queuesNothing: ReadonlySet<string> = new Set([
  'heartbeat.run_started',
  'issue.checkout_lock_adopted',
  'issue.lock_cleared',
  'issue.released',
  'wake.closed',
  'wake.deferred',
])
// The board's checkout wakes the agent; an agent's own does not.
const mayQueue = (row: ActivityRow): boolean =>
  row.action === 'issue.checked_out' ? row.actorType === 'user' : !queuesNothing.has(row.action)

export function createDispatcher(deps: DispatchDeps): Dispatcher {
  const { store, supervisorId, types, free, log } = deps
  let hand: Candidate[] = []
  let lookedAt = -Infinity
  let isFruitless = false
  let poked = false
  let stopped = types.length === 0
  let working: Promise<void> | undefined
  let timer: NodeJS.Timeout | undefined

  const look = async (): Promise<boolean> => {
    poked = false
    lookedAt = performance.now()
    hand = await listStartable(store, types, deps.atWork(), HAND)
    return hand.length > 0
  }

  /** Claims one run of each of the next agents, as many at once as may be. @returns whether any claim led to something */
  const claimSome = async (): Promise<boolean> => {
    const most = Math.min(CLAIMERS, free())
    const chosen: Candidate[] = []
    const rest: Candidate[] = []
    // Two claims for one agent at once would be in each other's way.
    for (const candidate of hand) {
      if (chosen.length < most && !chosen.some((other) => other.agentId === candidate.agentId)) chosen.push(candidate)
      else rest.push(candidate)
    }
    hand = rest
    const fruits = await Promise.all(chosen.map(claimOne))
    return fruits.includes(true)
  }

  const claimOne = async (candidate: Candidate): Promise<boolean> => {
    const claimedAt = performance.now()
    const claim = await claimRun(store, supervisorId, types, candidate).catch((error: unknown) => {
      // Whoever stands behind it in the queue is not to wait for what ails this one; it is first again in the next look.
      if (!stopped) log.warn({ err: error, agentId: candidate.agentId }, 'a queued run could not be claimed and will be tried again')
      return null
    })
    if (claim === null) return false
    if (claim.kind === 'claimed') deps.start(claim.order, claimedAt)
    // The next in line is this agent's next run.
    if (claim.kind === 'set_aside') hand.unshift(candidate)
    return claim.kind !== 'none'
  }

  const work = async (): Promise<void> => {
    // A claim may come to nothing because somebody has the agent for a moment, so a few looks follow.
    let fruitless = 0
    while (!stopped && free() > 0) {
      if (hand.length === 0 || performance.now() - lookedAt > HAND_LASTS_MS) {
        if (fruitless === MOST_FRUITLESS) return
        if (fruitless > 0) await pause()
        fruitless += 1
        isFruitless = !(await look())
        if (isFruitless && !poked) return
      }
      if (await claimSome()) fruitless = 0
    }
  }

  const pause = (): Promise<void> => new Promise((resolve) => void setTimeout(resolve, PAUSE_MS).unref())

  const start = (): void => {
    if (stopped || working !== undefined || timer !== undefined || free() <= 0) return
    const wait = isFruitless ? PAUSE_MS - (performance.now() - lookedAt) : 0
    timer = setTimeout(begin, Math.max(0, wait))
    timer.unref()
  }

  const begin = (): void => {
    timer = undefined
    working = work()
      .catch((error: unknown) => {
        hand = []
        if (!stopped) log.warn({ err: error }, 'the queue of runs could not be read and will be looked at again')
      })
      .finally(() => {
        working = undefined
        if (poked) start()
      })
  }

  const poke = (): void => {
    poked = true
    start()
  }

  return {
    poke,
    heed(rows) {
      if (rows.some(mayQueue)) poke()
    },
    async stop() {
      stopped = true
      clearTimeout(timer)
      await working
    },
  }
}
