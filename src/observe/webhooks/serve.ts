import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from '../../platform/kernel/log.ts'
import { readAfter } from '../events/index.ts'
import type { Feed, FeedEntry, Position, Subscriber } from '../events/index.ts'
import { attemptDelivery } from './attempt.ts'
import type { AttemptDeps, Served } from './attempt.ts'
import { matches, nameOf, wantsRunEvents } from './filters.ts'
import { TRIM_EVERY, trimAttempts } from './lease.ts'
import { isLogCut } from './queries.ts'
import type { Slots } from './slots.ts'
import { stopEndpoint } from './stop.ts'

/** As long as others wait, an endpoint gives its place back after this time and asks again. */
const TURN_MS = 3000
/** A receiver that takes longer is slow: it finds fewer places, and leaves the others to receivers that answer. */
const SLOW_MS = 2000
/** The pause behind a failure of the database. */
const RETRY_MS = 1000

/** An endpoint while this server serves it. */
export interface Held extends Served {
  readonly events: readonly string[]
  position: Position
  failures: number
  isSlow: boolean
  /** Rows that the next read of the log scans; undefined leaves it to the read. */
  scanRows: number | undefined
  /** Events delivered since the oldest attempts were deleted last. */
  untrimmed: number
  /** Set while it has caught up: how far the feed has come for it. */
  caughtUpTo: (() => Position | undefined) | null
}

export interface ServeDeps extends AttemptDeps {
  readonly feed: Feed
  readonly slots: Slots
  readonly log: Log
}

/**
 * Serves an endpoint until this server is to stop, an attempt fails, or another party has taken the endpoint away: reads what follows its position, sends one event
 * after the other, and waits for more. It never rejects.
 */
export async function serve(deps: ServeDeps, held: Held): Promise<void> {
  for (let failures = 0; !held.signal.aborted;) {
    try {
      const state = await takeTurn(deps, held)
      failures = 0
      if (state === 'ended') return
      if (state === 'caught up') await nextEvent(deps.feed, held)
    } catch (error) {
      failures += 1
      if (failures === 1) deps.log.warn({ err: error, webhookId: held.id }, 'webhook delivery paused: database unreachable, retrying')
      await sleep(RETRY_MS, undefined, { signal: held.signal }).catch(() => {})
    }
  }
}

type Turn = 'more' | 'caught up' | 'ended'

async function takeTurn(deps: ServeDeps, held: Held): Promise<Turn> {
  const release = await deps.slots.acquire(held, held.signal)
  if (release === null) return 'ended'
  try {
    const endsAt = performance.now() + TURN_MS
    let turn: Turn = 'more'
    while (turn === 'more' && !(deps.slots.isContended() && performance.now() > endsAt)) turn = await deliverPage(deps, held)
    return turn
  } finally {
    release()
  }
}

/** Reads a page of the log and delivers what matches of it. */
async function deliverPage(deps: ServeDeps, held: Held): Promise<Turn> {
  const { store } = deps
  const { companyId, events } = held
  const page = await readAfter(store.read, held.position, [companyId], { scanRows: held.scanRows })
  held.scanRows = page.nextScanRows
  // Asked behind the read: what was deleted before the read is known by then.
  if (wantsRunEvents(events) && (await isLogCut(store.read, companyId, held.position))) {
    await stopEndpoint(store, held, 'log_not_kept')
    return 'ended'
  }
  for (const entry of page.entries) {
    if (held.signal.aborted) return 'ended'
    if (isWanted(held, entry)) {
      const { isDelivered, durationMs } = await attemptDelivery(deps, held, entry)
      if (!isDelivered) return 'ended'
      held.failures = 0
      held.isSlow = durationMs > SLOW_MS
      held.untrimmed += 1
    }
    held.position = entry.position
  }
  held.position = page.endPosition
  if (held.untrimmed >= TRIM_EVERY) {
    await trimAttempts(store, held.id)
    held.untrimmed = 0
  }
  return page.hasMore ? 'more' : 'caught up'
}

const isWanted = ({ events }: Held, entry: FeedEntry): boolean => matches(events, nameOf(entry))

/**
 * Resolves when an event that matches lies behind the position of an endpoint, or its signal is aborted. The one tail of this process reads for all endpoints that wait,
 * so a quiet endpoint costs nothing; events that do not match move its position.
 */
async function nextEvent(feed: Feed, held: Held): Promise<void> {
  await new Promise<void>((resolve) => {
    let isOver = false
    const subscriber: Subscriber = {
      companyId: held.companyId,
      onBatch(entries) {
        for (const entry of entries) {
          if (isOver) return
          if (isWanted(held, entry)) return end()
          held.position = entry.position
        }
      },
      onDisconnect: () => end(),
    }
    const end = (): void => {
      if (isOver) return
      isOver = true
      held.caughtUpTo = null
      held.signal.removeEventListener('abort', end)
      feed.unsubscribe(subscriber)
      resolve()
    }
    held.signal.addEventListener('abort', end, { once: true })
    held.caughtUpTo = () => feed.positionOf(subscriber)
    feed.subscribe(subscriber, held.position)
    if (held.signal.aborted) end()
  })
}
