import { setTimeout as sleep } from 'node:timers/promises'
import { startQueuedRun, listStartable } from '../control/dispatch/index.ts'
import type { Candidate, StartOrder } from '../control/dispatch/index.ts'
import type { ActivityRow, Store } from '../platform/db/types.ts'
import type { Log } from '../platform/kernel/log.ts'
import { createWorker } from '../platform/kernel/worker.ts'
import type { Round } from '../platform/kernel/worker.ts'

/** Claims in progress at once: enough to keep the database busy, few enough to leave connections for requests. */
const CLAIM_CONCURRENCY = 4
/** Candidates of one poll. A poll costs an index step per waiting agent, so its result serves many claims. */
const BATCH_SIZE = 128
/** After this time the order of a poll's candidates is out of date. */
const BATCH_TTL_MS = 500
/** The delay after a poll without a result: commits that queue no run may be many. */
const EMPTY_POLL_DELAY_MS = 50
/** Polls in a row whose candidates could not be claimed, before the dispatcher waits for the next notification. */
const MAX_FRUITLESS_POLLS = 5
/** The longest delay between two attempts while the queue cannot be read. */
const MAX_BACKOFF_MS = 2000

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

/** Claims queued runs while there are free slots, and passes them to their supervisor. */
export interface Dispatcher {
  /** Polls the queue soon. */
  notify(): void
  /** Polls the queue soon if a commit may have queued a run or made one claimable. */
  onCommit(rows: readonly ActivityRow[]): void
  /** Claims no more runs; resolves when no claim is in progress. */
  stop(): Promise<void>
}

/** Actions that never queue a run nor free an agent. Every other action causes a poll. */
const irrelevantActions: ReadonlySet<string> = new Set([
  'cost.reported',
  'heartbeat.run_started',
  'issue.checkout_lock_adopted',
  'issue.lock_cleared',
  'issue.released',
  'wake.closed',
  'wake.deferred',
])
// A checkout by the board wakes the agent; a checkout by the agent does not.
const mayQueueRun = (row: ActivityRow): boolean =>
  row.action === 'issue.checked_out' ? row.actorType === 'user' : !irrelevantActions.has(row.action)

/** Whether a commit may have queued a run, or made one claimable. */
export const mayQueueRuns = (rows: readonly ActivityRow[]): boolean => rows.some(mayQueueRun)

/** Actions of a commit that has queued a run for the agent in its details. */
const queuingActions: ReadonlySet<string> = new Set(['heartbeat.invoked', 'wake.promoted', 'wake.retried'])

/** The agents for which a commit has queued runs. Other commits may have made runs claimable that only a poll finds. */
const queuedBy = (rows: readonly ActivityRow[]): Candidate[] =>
  rows.flatMap(({ action, companyId, details: { agentId, coalesced } }) =>
    queuingActions.has(action) && coalesced !== true && typeof agentId === 'string' ? [{ agentId, companyId }] : [],
  )

/** The next candidates, at most one of each agent: two claims for one agent at once would wait for the same row. */
function nextCandidates(batch: readonly Candidate[], limit: number): { readonly chosen: Candidate[]; readonly rest: Candidate[] } {
  const chosen: Candidate[] = []
  const rest: Candidate[] = []
  for (const candidate of batch) {
    if (chosen.length < limit && !chosen.some((other) => other.agentId === candidate.agentId)) chosen.push(candidate)
    else rest.push(candidate)
  }
  return { chosen, rest }
}

/** The candidates of the last poll, in the order of their turn. */
interface CandidateQueue {
  /**
   * Takes agents for which a run was just queued. While nothing else waits they have their turn at once, without a poll.
   * @returns whether they were taken; otherwise a poll finds them
   */
  admit(named: readonly Candidate[]): boolean
  /** Whether a poll is needed: no candidate is left, or their order is out of date. */
  isStale(): boolean
  /** @returns whether a run may be claimable */
  poll(): Promise<boolean>
  /** Claims one run of each of the next agents, concurrently. @returns whether any claim changed the queue of runs */
  claimNext(): Promise<boolean>
  clear(): void
  /** Milliseconds until the next poll makes sense: a poll that found no candidate is not repeated at once. */
  nextPollDelayMs(): number
}

function createCandidateQueue(deps: DispatchDeps, isStopped: () => boolean): CandidateQueue {
  const { store, types, log } = deps
  let candidates: Candidate[] = []
  let admitted: Candidate[] = []
  let polledAt = -Infinity
  let wasEmpty = false
  let admitsFrom = 0

  const claimOne = async (candidate: Candidate): Promise<'claimed' | 'set_aside' | 'none'> => {
    const claimedAt = performance.now()
    const claim = await startQueuedRun(store, deps.supervisorId, types, candidate).catch((error: unknown) => {
      // The agents behind this one do not wait for its fault; this agent is first again after the next poll.
      if (!isStopped()) log.warn({ err: error, agentId: candidate.agentId }, 'a queued run could not be claimed; retrying')
      return null
    })
    if (claim?.kind === 'claimed') deps.start(claim.order, claimedAt)
    return claim?.kind ?? 'none'
  }

  return {
    admit(named) {
      const isIdle = wasEmpty && candidates.length === 0 && performance.now() >= admitsFrom
      // More than are claimed at once would wait for each other, and then turns count.
      if (!isIdle || named.length === 0 || admitted.length + named.length > CLAIM_CONCURRENCY) return false
      admitted.push(...named)
      return true
    },
    isStale: () => admitted.length === 0 && (candidates.length === 0 || performance.now() - polledAt > BATCH_TTL_MS),
    async poll() {
      polledAt = performance.now()
      candidates = await listStartable(store, types, deps.runCountByCompany(), BATCH_SIZE)
      wasEmpty = candidates.length === 0
      // The agents that this poll found have their order by turn, and the next poll finds the others.
      if (!wasEmpty) admitted = []
      return !wasEmpty || admitted.length > 0
    },
    async claimNext() {
      const areAdmitted = admitted.length > 0
      if (areAdmitted) [candidates, admitted] = [admitted, []]
      const { chosen, rest } = nextCandidates(candidates, Math.min(CLAIM_CONCURRENCY, deps.freeSlots()))
      const results = await Promise.all(chosen.map(claimOne))
      // Agents that are busy may be asked for often, and a claim in vain costs as much as a poll without a result.
      if (areAdmitted && results.every((result) => result === 'none')) admitsFrom = performance.now() + EMPTY_POLL_DELAY_MS
      // A run that was set aside will not start, so the next claim gets this agent's next run.
      candidates = [...chosen.filter((_, index) => results[index] === 'set_aside'), ...rest]
      return results.some((result) => result !== 'none')
    },
    clear() {
      candidates = []
      admitted = []
      wasEmpty = false
    },
    nextPollDelayMs: () => (wasEmpty ? EMPTY_POLL_DELAY_MS - (performance.now() - polledAt) : 0),
  }
}

export function createDispatcher(deps: DispatchDeps): Dispatcher {
  let isStopped = deps.types.length === 0
  const queue = createCandidateQueue(deps, () => isStopped)

  const work = async (round: Round): Promise<void> => {
    // A claim fails when another transaction has the agent's lock for a moment, so a few more polls follow.
    let fruitlessPolls = 0
    while (!round.signal.aborted && deps.freeSlots() > 0) {
      if (queue.isStale()) {
        if (fruitlessPolls === MAX_FRUITLESS_POLLS) return
        if (fruitlessPolls > 0) await sleep(EMPTY_POLL_DELAY_MS, undefined, { ref: false })
        fruitlessPolls += 1
        // This poll reads what was committed until now; only a later commit needs another round.
        round.takeNotification()
        if (!(await queue.poll())) return
      }
      if (await queue.claimNext()) fruitlessPolls = 0
    }
  }

  const worker = createWorker({
    minDelayMs: () => queue.nextPollDelayMs(),
    maxDelayMs: MAX_BACKOFF_MS,
    work,
    onError(error) {
      queue.clear()
      if (!isStopped) deps.log.warn({ err: error }, 'the queue of runs could not be read; retrying')
    },
  })
  // Without a free slot there is no work: the supervisor notifies again when a slot becomes free.
  const notify = (): void => {
    if (!isStopped && deps.freeSlots() > 0) worker.notify()
  }

  return {
    notify,
    onCommit(rows) {
      if (!mayQueueRuns(rows)) return
      if (!isStopped && deps.freeSlots() > 0 && queue.admit(queuedBy(rows))) worker.runNow()
      else notify()
    },
    async stop() {
      isStopped = true
      await worker.stop()
    },
  }
}
