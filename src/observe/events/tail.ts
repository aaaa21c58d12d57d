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
  const pollIntervalMs = deps.pollIntervalMs ?? POLL_INTERVAL_MS
  const state: TailState = {
    position: undefined,
    scanRows: undefined,
    readThrough: undefined,
    polledAt: 0,
    isNotified: false,
    blockedPolls: 0,
    isStopped: false,
  }
  const isNeeded = (): boolean => !state.isStopped && (!deps.subscriptions.isEmpty() || !deps.credentialWatch.isEmpty())

  const worker = createWorker({
    minDelayMs: () => delayMs(state, pollIntervalMs),
    maxDelayMs: pollIntervalMs,
    async work() {
      if (isNeeded()) await poll(deps, state)
      if (isNeeded()) return delayMs(state, pollIntervalMs)
      return void (state.position = undefined)
    },
    onError(error, failures) {
      if (failures === 1 && !state.isStopped) deps.log.warn({ err: error }, 'event tail paused: database unreachable, retrying')
    },
  })

  const reschedule = (): void => {
    if (isNeeded()) worker.notify()
    else if (!worker.isBusy()) state.position = undefined
  }
  return {
    position: () => state.position,
    startAt: (start) => void (state.position ??= start),
    whenIdle: () => worker.whenIdle(),
    reschedule,
    notify() {
      state.isNotified = true
      state.blockedPolls = 0
      reschedule()
    },
    stop() {
      state.isStopped = true
      worker.stop().catch(() => {})
    },
  }
}

interface TailState {
  position: Position | undefined
  scanRows: number | undefined
  /** Everything up to this horizon has been read, whatever the company. */
  readThrough: string | undefined
  /** When the last poll began; 0 when more can be read at once. */
  polledAt: number
  isNotified: boolean
  /** Polls in a row during which a transaction with a ticket was still open. */
  blockedPolls: number
  isStopped: boolean
}

async function poll({ db, subscriptions, credentialWatch, deliver }: TailDeps, state: TailState): Promise<void> {
  state.isNotified = false
  state.polledAt = performance.now()
  const { lowWatermark } = state.position === undefined ? await readWatermarks(db) : { lowWatermark: state.position }
  // A subscriber may have caught up meanwhile, and the entries that it has not received begin earlier.
  state.position ??= lowWatermark
  const batch = await readAfter(db, state.position, subscriptions.companyIds(), {
    credentials: credentialWatch.credentials(),
    scanRows: state.scanRows,
    readThrough: state.readThrough,
  })
  if (state.isStopped) return
  state.scanRows = batch.nextScanRows
  state.readThrough = batch.readThrough
  credentialWatch.notifyRevoked(batch.revoked)
  state.blockedPolls = batch.blockedByOlderTx ? state.blockedPolls + 1 : 0
  // The position advances before the delivery, in the same tick: a subscriber that catches up later starts after this batch.
  state.position = batch.endPosition
  await deliver(batch.entries)
  if (batch.hasMore) state.polledAt = 0
}

/** How long to wait until the next poll. While entries are blocked, the tail polls less and less often. */
function delayMs({ polledAt, isNotified, blockedPolls }: TailState, pollIntervalMs: number): number {
  const blockedMs = blockedPolls === 0 ? pollIntervalMs : Math.min(pollIntervalMs, BATCH_DELAY_MS * 2 ** blockedPolls)
  return Math.max(0, polledAt + (isNotified ? BATCH_DELAY_MS : blockedMs) - performance.now())
}
