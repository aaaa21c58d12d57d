import type { CredentialRef } from '../../auth/credentialStatus.ts'
import type { Store } from '../../platform/db/types.ts'
import type { Log } from '../../platform/kernel/log.ts'
import { readAfter, readWatermarks } from './readAfter.ts'
import type { FeedEntry, EventBatch } from './readAfter.ts'
import { isAfter } from './position.ts'
import type { Position } from './position.ts'
import { createConnectionLimits } from './connectionLimits.ts'
import type { ConnectionLimits } from './connectionLimits.ts'
import { createCredentialWatch } from './credentialWatch.ts'

/** What other servers commit is seen by then, and so is a credential that is worth nothing any more. */
const POLL_INTERVAL_MS = 1000
/** Commits of this process that come closer than this are read together. */
const BATCH_DELAY_MS = 20

/** Somebody who is told what happens in one company. */
export interface Subscriber {
  readonly companyId: string
  /** Takes entries in order, of its company and each once. Never throws. */
  readonly onBatch: (entries: readonly FeedEntry[]) => Promise<void> | void
  /**
   * Asked behind what it took: whether it takes more at once, or when it will; false is never. What comes meanwhile is
   * not kept for it but read again. Left out, it always does.
   */
  readonly backpressure?: () => true | Promise<boolean>
  /** It has been told everything there is, and is told what comes from now on. */
  readonly onCaughtUp?: () => void
  /** It is told nothing more, because the database does not answer. */
  readonly onDisconnect: () => void
}

/** One line of a run's output, as it comes: told by the server that supervises the run, kept by nobody here. */
export interface LogLine {
  readonly companyId: string
  readonly runId: string
  readonly agentId: string
  readonly ts: string
  readonly stream: 'stdout' | 'stderr' | 'system'
  readonly chunk: string
}

export interface FeedOptions {
  readonly pollIntervalMs?: number
  readonly connectionLimits?: ConnectionLimits
}

/** What happens, in commit order, for whoever follows along. One per process. */
export interface Feed {
  readonly connectionLimits: ConnectionLimits
  /** The place of the present, and the one behind which no place can lie. */
  readWatermarks(): Promise<{ lowWatermark: Position; highWatermark: Position }>
  /** Tells a follower everything behind a place: first what is there, then what comes, until it is forgotten. */
  subscribe(subscriber: Subscriber, position: Position): void
  unsubscribe(subscriber: Subscriber): void
  /** Up to where a follower that is up to date has been told everything; undefined for any other. */
  positionOf(subscriber: Subscriber): Position | undefined
  /** Calls back when a credential is worth nothing any more. @returns the way to stop watching */
  watchCredential(credential: CredentialRef, onRevoked: () => void): () => void
  /** Something was written that no commit of `mutate` tells of, and that is worth a look now. */
  notify(): void
  publishLogLine(line: LogLine): void
  /** @returns the way to stop listening */
  onLogLine(listener: (line: LogLine) => void): () => void
  /** Looks no more, and has whoever listens end its streams. */
  stop(): void
  /** Calls back at once where it has stopped before. */
  onStop(listener: () => void): () => void
}

interface Subscription {
  /** Set once it is up to date: what the tail reads next may still hold entries that it took before. */
  caughtUpAt: Position | undefined
}

/** Listeners, and the way to stop being one. */
function createEmitter<T>(): { add(listener: (value: T) => void): () => void; emit(value: T): void } {
  const listeners = new Set<(value: T) => void>()
  return {
    add(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    emit(value) {
      for (const listener of listeners) listener(value)
    },
  }
}

/**
 * One tail of the log for all companies that anybody follows. It reads by the watermark (see `lookBehind`), so what one
 * server tells is what every other tells. A commit of this process wakes it at once; without any it looks once a second,
 * and when nobody follows not at all.
 */
export function createFeed(store: Store, log: Log, options: FeedOptions = {}): Feed {
  const pollIntervalMs = options.pollIntervalMs ?? POLL_INTERVAL_MS
  const subscriptions = new Map<string, Map<Subscriber, Subscription>>()
  const credentialWatch = createCredentialWatch()
  const logLines = createEmitter<LogLine>()
  const stopSignal = createEmitter<void>()
  /** Up to where everybody who is up to date has been told everything. */
  let position: Position | undefined
  let timer: NodeJS.Timeout | undefined
  let polling: Promise<void> | undefined
  let polledAt = 0
  let isNotified = false
  let isFailing = false
  let isStopped = false
  let scanRows: number | undefined
  /** Looks in a row that found something committed which an older transaction holds up. */
  let blockedPolls = 0

  const isNeeded = (): boolean => !isStopped && (subscriptions.size > 0 || !credentialWatch.isEmpty())

  /** When the next look is due, from the last one. What is held up comes soon or late: it is looked for less and less often. */
  const nextPollMs = (): number => {
    if (isNotified && !isFailing) return BATCH_DELAY_MS
    return blockedPolls === 0 ? pollIntervalMs : Math.min(pollIntervalMs, BATCH_DELAY_MS * 2 ** blockedPolls)
  }

  const schedule = (): void => {
    if (polling !== undefined) return
    clearTimeout(timer)
    if (!isNeeded()) return void (position = undefined)
    timer = setTimeout(poll, Math.max(0, polledAt + nextPollMs() - performance.now()))
    timer.unref()
  }

  const poll = (): void => {
    isNotified = false
    polledAt = performance.now()
    polling = pollOnce()
      .then(
        (hasMore) => {
          isFailing = false
          if (hasMore) polledAt = 0
        },
        (error: unknown) => {
          if (!isFailing && !isStopped) log.warn({ err: error }, 'followers wait until the database answers')
          isFailing = true
        },
      )
      .then(() => {
        polling = undefined
        schedule()
      })
  }

  const pollOnce = async (): Promise<boolean> => {
    const { lowWatermark } = position === undefined ? await readWatermarks(store.read) : { lowWatermark: position }
    // Somebody may have caught up meanwhile, and what it has not been told begins earlier.
    position ??= lowWatermark
    const batch = await readAfter(store.read, position, [...subscriptions.keys()], credentialWatch.credentials(), scanRows)
    if (isStopped) return false
    scanRows = batch.nextScanRows
    credentialWatch.notifyRevoked(batch.revoked)
    blockedPolls = batch.blockedByOlderTx ? blockedPolls + 1 : 0
    await deliver(batch)
    return batch.hasMore
  }

  const deliver = async (batch: EventBatch): Promise<void> => {
    // Who is told and up to where is settled in one go: whoever is up to date a moment later begins behind it.
    position = batch.endPosition
    const byCompany = new Map<string, FeedEntry[]>()
    for (const entry of batch.entries) {
      const companyEntries = byCompany.get(entry.companyId)
      if (companyEntries === undefined) byCompany.set(entry.companyId, [entry])
      else companyEntries.push(entry)
    }
    const deliveries: Promise<void>[] = []
    for (const [companyId, entries] of byCompany)
      for (const [subscriber, subscription] of subscriptions.get(companyId) ?? [])
        deliveries.push(deliverTo(subscriber, subscription, entries))
    await Promise.all(deliveries)
  }

  const deliverTo = async (subscriber: Subscriber, subscription: Subscription, entries: readonly FeedEntry[]): Promise<void> => {
    const { caughtUpAt } = subscription
    // Somebody who is still catching up reads for itself.
    if (caughtUpAt === undefined) return
    const newEntries = entries.filter((entry) => isAfter(entry.position, caughtUpAt))
    const last = newEntries.at(-1)
    if (last === undefined) return
    await subscriber.onBatch(newEntries)
    const ready = subscriber.backpressure?.() ?? true
    if (ready === true || subscriptionOf(subscriber) !== subscription) return
    removeSubscription(subscriber, subscription)
    subscribe(subscriber, last.position, ready)
  }

  const addSubscription = (subscriber: Subscriber): Subscription => {
    const subscription: Subscription = { caughtUpAt: undefined }
    const companySubscriptions = subscriptions.get(subscriber.companyId) ?? new Map<Subscriber, Subscription>()
    subscriptions.set(subscriber.companyId, companySubscriptions.set(subscriber, subscription))
    return subscription
  }

  const removeSubscription = (subscriber: Subscriber, subscription: Subscription | undefined): void => {
    const companySubscriptions = subscriptions.get(subscriber.companyId)
    // It may have left and come back meanwhile.
    if (companySubscriptions === undefined || subscription === undefined || companySubscriptions.get(subscriber) !== subscription) return
    companySubscriptions.delete(subscriber)
    if (companySubscriptions.size === 0) subscriptions.delete(subscriber.companyId)
    schedule()
  }
  const subscriptionOf = (subscriber: Subscriber): Subscription | undefined => subscriptions.get(subscriber.companyId)?.get(subscriber)

  const subscribe = (subscriber: Subscriber, after: Position, ready: true | Promise<boolean>): void => {
    const subscription = addSubscription(subscriber)
    catchUp(subscriber, subscription, after, ready).catch(() => {
      removeSubscription(subscriber, subscription)
      subscriber.onDisconnect()
    })
  }

  const catchUp = async (
    subscriber: Subscriber,
    subscription: Subscription,
    after: Position,
    ready: true | Promise<boolean>,
  ): Promise<void> => {
    const isCancelled = (): boolean => isStopped || subscriptionOf(subscriber) !== subscription
    // A look that began before does not read this company, and ends who knows where.
    await polling
    let [readPosition, isReady] = [after, await ready]
    for (let page: EventBatch | undefined; isReady && !isCancelled();) {
      page = await readAfter(store.read, readPosition, [subscriber.companyId], undefined, page?.nextScanRows)
      if (isCancelled()) return
      readPosition = page.endPosition
      if (page.entries.length > 0) {
        await subscriber.onBatch(page.entries)
        isReady = await (subscriber.backpressure?.() ?? true)
      }
      // What lies between here and the tail would be told by nobody.
      if (!isReady || page.hasMore || isCancelled() || (position !== undefined && isAfter(position, readPosition))) continue
      position ??= readPosition
      subscription.caughtUpAt = readPosition
      schedule()
      return subscriber.onCaughtUp?.()
    }
    removeSubscription(subscriber, subscription)
  }

  const stopCommitListener = store.onCommit((rows) => {
    if (rows.some((row) => subscriptions.has(row.companyId))) notify()
  })

  const notify = (): void => {
    isNotified = true
    blockedPolls = 0
    schedule()
  }

  return {
    connectionLimits: options.connectionLimits ?? createConnectionLimits(),
    readWatermarks: () => readWatermarks(store.read),
    subscribe: (subscriber, after) => subscribe(subscriber, after, true),
    unsubscribe: (subscriber) => removeSubscription(subscriber, subscriptionOf(subscriber)),
    positionOf(subscriber) {
      const caughtUpAt = subscriptionOf(subscriber)?.caughtUpAt
      return caughtUpAt === undefined || position === undefined || isAfter(caughtUpAt, position) ? caughtUpAt : position
    },
    watchCredential(credential, onRevoked) {
      const stopCredentialWatch = credentialWatch.add(credential, onRevoked)
      schedule()
      return () => {
        stopCredentialWatch()
        schedule()
      }
    },
    notify,
    publishLogLine: (line) => logLines.emit(line),
    onLogLine: (listener) => logLines.add(listener),
    stop() {
      if (isStopped) return
      isStopped = true
      clearTimeout(timer)
      stopCommitListener()
      stopSignal.emit()
    },
    onStop(listener) {
      if (isStopped) listener()
      return stopSignal.add(listener)
    },
  }
}
