import type { Position } from './position.ts'
import type { FeedEntry } from './readAfter.ts'

/** One receiver of the events of one company: an event stream, or all WebSocket clients of the company. */
export interface Subscriber {
  readonly companyId: string
  /** Receives entries of its company in order, each once. Never throws. */
  readonly onBatch: (entries: readonly FeedEntry[]) => Promise<void> | void
  /**
   * Backpressure. Called after each batch. `true`: ready now; a promise: wait for it; resolving to `false`: unsubscribe.
   * Events that arrive meanwhile are not buffered but read again from the log. Default: always ready.
   */
  readonly backpressure?: () => true | Promise<boolean>
  /** Called when the subscriber has received everything that was readable. New entries follow as they are committed. */
  readonly onCaughtUp?: () => void
  /** Called when the subscription ends because the database does not answer. */
  readonly onDisconnect: () => void
}

/** The state of one subscriber between `add` and `remove`. */
export interface Subscription {
  /** Set when the subscriber has caught up. The next batch of the tail may still hold entries before this position. */
  caughtUpAt: Position | undefined
}

/** The subscribers of this process, by company. */
export interface Subscriptions {
  readonly isEmpty: () => boolean
  readonly companyIds: () => string[]
  readonly hasCompany: (companyId: string) => boolean
  /** The subscribers of a company, each with its subscription. */
  readonly ofCompany: (companyId: string) => Iterable<[Subscriber, Subscription]>
  readonly find: (subscriber: Subscriber) => Subscription | undefined
  readonly add: (subscriber: Subscriber) => Subscription
  /** @returns false when the subscriber has left, or has left and subscribed again, since this subscription began */
  readonly remove: (subscriber: Subscriber, subscription: Subscription | undefined) => boolean
}

export function createSubscriptions(): Subscriptions {
  const byCompany = new Map<string, Map<Subscriber, Subscription>>()
  const find = (subscriber: Subscriber): Subscription | undefined => byCompany.get(subscriber.companyId)?.get(subscriber)
  return {
    isEmpty: () => byCompany.size === 0,
    companyIds: () => [...byCompany.keys()],
    hasCompany: (companyId) => byCompany.has(companyId),
    ofCompany: (companyId) => byCompany.get(companyId) ?? [],
    find,
    add(subscriber) {
      const subscription: Subscription = { caughtUpAt: undefined }
      const ofCompany = byCompany.get(subscriber.companyId) ?? new Map<Subscriber, Subscription>()
      byCompany.set(subscriber.companyId, ofCompany.set(subscriber, subscription))
      return subscription
    },
    remove(subscriber, subscription) {
      if (subscription === undefined || find(subscriber) !== subscription) return false
      const ofCompany = byCompany.get(subscriber.companyId)
      ofCompany?.delete(subscriber)
      if (ofCompany?.size === 0) byCompany.delete(subscriber.companyId)
      return true
    },
  }
}
