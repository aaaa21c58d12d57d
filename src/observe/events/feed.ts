import type { CredentialRef } from '../../auth/credentialStatus.ts'
import type { Store } from '../../platform/db/types.ts'
import type { Log } from '../../platform/kernel/log.ts'
import { createConnectionLimits } from './connectionLimits.ts'
import type { ConnectionLimits } from './connectionLimits.ts'
import { createCredentialWatch } from './credentialWatch.ts'
import { deliver, subscribe, unsubscribe } from './delivery.ts'
import type { DeliveryContext } from './delivery.ts'
import { createEmitter } from './emitter.ts'
import { isAfter } from './position.ts'
import type { Position } from './position.ts'
import { readWatermarks } from './readAfter.ts'
import { createSubscriptions } from './subscriptions.ts'
import type { Subscriber } from './subscriptions.ts'
import { createTail } from './tail.ts'

/** One line of a run's output, published by the server that supervises the run while it happens. The feed does not store it. */
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

/** The events of all companies in commit order, for the event streams and WebSockets of this process. One per process. */
export interface Feed {
  readonly connectionLimits: ConnectionLimits
  /** `lowWatermark`: the last event that is readable now. `highWatermark`: no event lies behind it. */
  readWatermarks(): Promise<{ lowWatermark: Position; highWatermark: Position }>
  /** Delivers every event after a position: first the stored ones, then new ones, until `unsubscribe`. */
  subscribe(subscriber: Subscriber, position: Position): void
  unsubscribe(subscriber: Subscriber): void
  /** The position up to which a subscriber has received everything; undefined while it has not caught up. */
  positionOf(subscriber: Subscriber): Position | undefined
  /** Calls back when a credential is revoked or has expired. @returns the function that ends the watch */
  watchCredential(credential: CredentialRef, onRevoked: () => void): () => void
  /** Polls soon, after a write that `mutate` did not publish. */
  notify(): void
  publishLogLine(line: LogLine): void
  /** @returns the function that removes the listener */
  onLogLine(listener: (line: LogLine) => void): () => void
  /** Stops polling and notifies the listeners of `onStop`, which end their connections. Idempotent. */
  stop(): void
  /** Calls back when the feed stops; at once when it has stopped already. @returns the function that removes the listener */
  onStop(listener: () => void): () => void
}

/**
 * Creates the feed. One tail reads the log for all companies with subscribers. It reads by the watermark (see `readAfter`),
 * so every server delivers the same events in the same order.
 */
export function createFeed(store: Store, log: Log, options: FeedOptions = {}): Feed {
  const subscriptions = createSubscriptions()
  const credentialWatch = createCredentialWatch()
  const logLines = createEmitter<LogLine>()
  const stopSignal = createEmitter<void>()
  let isStopped = false

  const tail = createTail({
    db: store.read,
    log,
    subscriptions,
    credentialWatch,
    deliver: (entries) => deliver(context, entries),
    ...(options.pollIntervalMs === undefined ? {} : { pollIntervalMs: options.pollIntervalMs }),
  })
  const context: DeliveryContext = { db: store.read, subscriptions, tail, isStopped: () => isStopped }

  const removeCommitListener = store.onCommit((rows) => {
    if (rows.some((row) => subscriptions.hasCompany(row.companyId))) tail.notify()
  })

  return {
    connectionLimits: options.connectionLimits ?? createConnectionLimits(),
    readWatermarks: () => readWatermarks(store.read),
    subscribe: (subscriber, after) => subscribe(context, subscriber, after),
    unsubscribe: (subscriber) => unsubscribe(context, subscriber),
    positionOf(subscriber) {
      const caughtUpAt = subscriptions.find(subscriber)?.caughtUpAt
      const position = tail.position()
      return caughtUpAt === undefined || position === undefined || isAfter(caughtUpAt, position) ? caughtUpAt : position
    },
    watchCredential(credential, onRevoked) {
      const stopWatching = credentialWatch.add(credential, onRevoked)
      tail.reschedule()
      return () => {
        stopWatching()
        tail.reschedule()
      }
    },
    notify: tail.notify,
    publishLogLine: (line) => logLines.emit(line),
    onLogLine: (listener) => logLines.add(listener),
    stop() {
      if (isStopped) return
      isStopped = true
      tail.stop()
      removeCommitListener()
      stopSignal.emit()
    },
    onStop(listener) {
      if (isStopped) listener()
      return stopSignal.add(listener)
    },
  }
}
