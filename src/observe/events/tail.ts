import type { ReadDb } from '../../platform/db/types.ts'
import type { Log } from '../../platform/kernel/log.ts'
import { createWorker } from '../../platform/kernel/worker.ts'
import type { CredentialWatch } from './credentialWatch.ts'
import type { Position } from './position.ts'
import { readAfter, readWatermarks } from './readAfter.ts'
import type { FeedEntry } from './readAfter.ts'
import type { Subscriptions } from './subscriptions.ts'

/** Within this time the tail sees commits of other servers, and credentials that were revoked or have expired. */
const POLL_INTERVAL_MS = 1000
/** Commits of this process that are closer together than this are read together. */
const BATCH_DELAY_MS = 20

export interface TailDeps {
  readonly db: Pick<ReadDb, 'run'>
  readonly log: Log
  readonly subscriptions: Subscriptions
  readonly credentialWatch: CredentialWatch
  /** Delivers entries to the subscribers that have caught up. The position of the tail is already behind them. */
  readonly deliver: (entries: readonly FeedEntry[]) => Promise<void>
  readonly pollIntervalMs?: number
}

/** Reads the event log on behalf of all subscribers that have caught up. One per process. */
export interface Tail {
  /** All subscribers that have caught up have received everything up to here; undefined while the tail is idle. */
  position(): Position | undefined
  /** Starts at a position, unless the tail has a position already. */
  startAt(position: Position): void
  /** Resolves when the poll in progress has ended; at once when there is none. */
  whenIdle(): Promise<void>
  /** Schedules the next poll, or makes the tail idle when nothing needs it any more. */
  reschedule(): void
  /** Polls soon: something was committed that may be readable now. */
  readonly notify: () => void
  stop(): void
}

/**
 * Creates the tail. A notification causes a poll after at most `BATCH_DELAY_MS`. Without notifications the tail polls once
 * a second, and not at all while there is no subscriber and no watched credential.
 */
export function createTail(deps: TailDeps): Tail {
  const { subscriptions, credentialWatch } = deps
  const schedule: PollSchedule = {
    pollIntervalMs: deps.pollIntervalMs ?? POLL_INTERVAL_MS,
    polledAt: 0,
    isNotified: false,
    blockedPolls: 0,
  }
  let position: Position | undefined
  let scanRows: number | undefined
  let isStopped = false

  const isNeeded = (): boolean => !isStopped && (!subscriptions.isEmpty() || !credentialWatch.isEmpty())

  const pollOnce = async (): Promise<void> => {
    const { lowWatermark } = position === undefined ? await readWatermarks(deps.db) : { lowWatermark: position }
    // A subscriber may have caught up meanwhile, and the entries that it has not received begin earlier.
    position ??= lowWatermark
    const batch = await readAfter(deps.db, position, subscriptions.companyIds(), credentialWatch.credentials(), scanRows)
    if (isStopped) return
    scanRows = batch.nextScanRows
    credentialWatch.notifyRevoked(batch.revoked)
    schedule.blockedPolls = batch.blockedByOlderTx ? schedule.blockedPolls + 1 : 0
    // The position advances before the delivery, in the same tick: a subscriber that catches up later starts after this batch.
    position = batch.endPosition
    await deps.deliver(batch.entries)
    if (batch.hasMore) schedule.polledAt = 0
  }

  /** @returns the delay until the next poll; nothing when the tail becomes idle */
  const poll = async (): Promise<number | void> => {
    if (!isNeeded()) return void (position = undefined)
    schedule.isNotified = false
    schedule.polledAt = performance.now()
    await pollOnce()
    if (!isNeeded()) return void (position = undefined)
    return delayMs(schedule)
  }

  const worker = createWorker({
    minDelayMs: () => delayMs(schedule),
    maxDelayMs: schedule.pollIntervalMs,
    work: poll,
    onError(error, failures) {
      if (failures === 1 && !isStopped) deps.log.warn({ err: error }, 'event tail paused: database unreachable, retrying')
    },
  })

  const reschedule = (): void => {
    if (isNeeded()) worker.notify()
    else if (!worker.isBusy()) position = undefined
  }
  return {
    position: () => position,
    startAt: (start) => void (position ??= start),
    whenIdle: () => worker.whenIdle(),
    reschedule,
    notify() {
      schedule.isNotified = true
      schedule.blockedPolls = 0
      reschedule()
    },
    stop() {
      isStopped = true
      worker.stop().catch(() => {})
    },
  }
}

interface PollSchedule {
  readonly pollIntervalMs: number
  /** When the last poll began; 0 when there is more to read at once. */
  polledAt: number
  isNotified: boolean
  /** Polls in a row that found a committed entry which an older open transaction makes unreadable. */
  blockedPolls: number
}

/** How long to wait until the next poll. While entries are blocked, the tail polls less and less often. */
function delayMs({ pollIntervalMs, polledAt, isNotified, blockedPolls }: PollSchedule): number {
  const blockedMs = blockedPolls === 0 ? pollIntervalMs : Math.min(pollIntervalMs, BATCH_DELAY_MS * 2 ** blockedPolls)
  return Math.max(0, polledAt + (isNotified ? BATCH_DELAY_MS : blockedMs) - performance.now())
}
