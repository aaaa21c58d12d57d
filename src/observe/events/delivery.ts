import type { ReadDb } from '../../platform/db/types.ts'
import { isAfter } from './position.ts'
import type { Position } from './position.ts'
import { readAfter } from './readAfter.ts'
import type { EventBatch, FeedEntry } from './readAfter.ts'
import type { Subscriber, Subscription, Subscriptions } from './subscriptions.ts'
import type { Tail } from './tail.ts'

/** The state that a delivery needs: who subscribes, and how far the tail has read. */
export interface DeliveryContext {
  readonly db: Pick<ReadDb, 'run'>
  readonly subscriptions: Subscriptions
  readonly tail: Tail
  readonly isStopped: () => boolean
}

/** Delivers a batch of the tail to the subscribers that have caught up, and waits for all of them. */
export async function deliver(context: DeliveryContext, entries: readonly FeedEntry[]): Promise<void> {
  const byCompany = new Map<string, FeedEntry[]>()
  for (const entry of entries) {
    const companyEntries = byCompany.get(entry.companyId)
    if (companyEntries === undefined) byCompany.set(entry.companyId, [entry])
    else companyEntries.push(entry)
  }
  const deliveries: Promise<void>[] = []
  for (const [companyId, companyEntries] of byCompany)
    for (const [subscriber, subscription] of context.subscriptions.ofCompany(companyId))
      deliveries.push(deliverTo(context, subscriber, subscription, companyEntries))
  await Promise.all(deliveries)
}

async function deliverTo(
  context: DeliveryContext,
  subscriber: Subscriber,
  subscription: Subscription,
  entries: readonly FeedEntry[],
): Promise<void> {
  const { subscriptions } = context
  const { caughtUpAt } = subscription
  // A subscriber that is still catching up reads for itself.
  if (caughtUpAt === undefined) return
  const newEntries = entries.filter((entry) => isAfter(entry.position, caughtUpAt))
  const last = newEntries.at(-1)
  if (last === undefined) return
  await subscriber.onBatch(newEntries)
  const ready = subscriber.backpressure?.() ?? true
  if (ready === true || subscriptions.find(subscriber) !== subscription) return
  unsubscribe(context, subscriber, subscription)
  subscribe(context, subscriber, last.position, ready)
}

/**
 * Subscribes: the subscriber catches up by itself, and the tail serves it from then on.
 * @param after the position after which the entries begin
 * @param ready whether the subscriber can take a batch, as `Subscriber.backpressure` returns it
 */
export function subscribe(context: DeliveryContext, subscriber: Subscriber, after: Position, ready: true | Promise<boolean> = true): void {
  const subscription = context.subscriptions.add(subscriber)
  const caughtUp = async (): Promise<void> => {
    // A poll that began earlier does not read this company, and its end position is not known yet.
    await context.tail.whenIdle()
    if (await ready) await catchUp(context, subscriber, subscription, after)
    else unsubscribe(context, subscriber, subscription)
  }
  caughtUp().catch(() => {
    unsubscribe(context, subscriber, subscription)
    subscriber.onDisconnect()
  })
}

export function unsubscribe(
  { subscriptions, tail }: DeliveryContext,
  subscriber: Subscriber,
  subscription: Subscription | undefined = subscriptions.find(subscriber),
): void {
  if (subscriptions.remove(subscriber, subscription)) tail.reschedule()
}

/** Reads page by page until the subscriber has reached the tail, or has left. */
async function catchUp(context: DeliveryContext, subscriber: Subscriber, subscription: Subscription, after: Position): Promise<void> {
  const { db, subscriptions, tail } = context
  const isCancelled = (): boolean => context.isStopped() || subscriptions.find(subscriber) !== subscription
  let readPosition = after
  let isReady = true
  for (let page: EventBatch | undefined; isReady && !isCancelled();) {
    page = await readAfter(db, readPosition, [subscriber.companyId], { scanRows: page?.nextScanRows })
    if (isCancelled()) return
    readPosition = page.endPosition
    if (page.entries.length > 0) {
      await subscriber.onBatch(page.entries)
      isReady = await (subscriber.backpressure?.() ?? true)
    }
    // The tail does not deliver what lies between this position and its own, so the subscriber reads on.
    const tailPosition = tail.position()
    if (!isReady || page.hasMore || isCancelled() || (tailPosition !== undefined && isAfter(tailPosition, readPosition))) continue
    tail.startAt(readPosition)
    subscription.caughtUpAt = readPosition
    tail.reschedule()
    return subscriber.onCaughtUp?.()
  }
  unsubscribe(context, subscriber, subscription)
}
