import type { BoardActor } from '../../platform/kernel/actor.ts'
import type { Store } from '../../platform/db/types.ts'
import { cursorOf, eventJson } from '../events/index.ts'
import type { FeedEntry, Position } from '../events/index.ts'
import { nameOf } from './filters.ts'
import { recordDelivered, recordNotDelivered } from './lease.ts'
import { readServedReceiver } from './receiver.ts'
import { retryAfterSeconds, waitSeconds } from './schedule.ts'
import { isDelivered, sendMessage } from './send.ts'
import type { Sending, Sent } from './send.ts'
import { messageIdOf } from './signing.ts'
import { stopEndpoint } from './stop.ts'

/** The receiver has ended the endpoint. */
const GONE = 410

/**
 * The reader for whom a message is written: a member of the company with the weakest role. A receiver is no more than that, so it never gets a setting of an agent
 * that looks like a secret.
 */
const member: BoardActor = {
  kind: 'board',
  userId: 'webhook',
  isAdmin: false,
  via: 'session',
  uid: null,
  companies: new Map(),
  grants: new Map(),
  role: 'viewer',
  session: null,
}

/** An endpoint that this server serves. */
export interface Served {
  readonly id: string
  readonly companyId: string
  readonly epoch: number
  /** Everything up to here was delivered, or does not match. */
  readonly position: Position
  /** Failed attempts in a row at the event behind the position. */
  readonly failures: number
  /** Aborted when this server is to stop serving it. */
  readonly signal: AbortSignal
  /** Aborted when a request in progress is to end, too. */
  readonly cancelSignal: AbortSignal
}

export interface AttemptDeps extends Sending {
  readonly store: Store
}

const NOT_SERVED = { isDelivered: false, durationMs: 0 } as const

/**
 * Makes one attempt at the next event of an endpoint and records what came of it.
 * @returns whether the next event may follow; otherwise this server does not serve the endpoint any more
 */
export async function attemptDelivery(
  deps: AttemptDeps,
  served: Served,
  entry: FeedEntry,
): Promise<{ readonly isDelivered: boolean; readonly durationMs: number }> {
  const { store } = deps
  const { id, companyId, epoch, failures } = served
  const receiver = await readServedReceiver(store.read, { id, companyId, epoch })
  if (receiver === null || served.signal.aborted) return NOT_SERVED
  const message = { id: messageIdOf(id, entry.position), timestamp: receiver.timestamp, body: eventJson(member, entry) }
  const sent = await sendMessage(deps, receiver, message, served.cancelSignal)
  // A server that stops says nothing about the receiver. Another server sends the message again, with the same id.
  if (sent.errorCode === 'cancelled') return NOT_SERVED
  const { status, errorCode, error, durationMs, answer } = sent
  const about = { messageId: message.id, event: nameOf(entry), eventCursor: cursorOf(entry.position), attempt: failures + 1 }
  const attempt = { id, companyId, epoch, ...about, status, errorCode, error, durationMs, answer }
  if (isDelivered(sent)) return { isDelivered: await recordDelivered(store, attempt, entry.position), durationMs }
  await recordFailure(store, served, { attempt, sent, nowS: receiver.timestamp })
  return NOT_SERVED
}

interface Failure {
  readonly attempt: Parameters<typeof recordNotDelivered>[1]
  readonly sent: Sent
  readonly nowS: number
}

async function recordFailure(store: Store, served: Served, { attempt, sent, nowS }: Failure): Promise<void> {
  const waitS = waitSeconds(attempt.attempt, retryAfterSeconds(sent.retryAfter, nowS), Math.random())
  const { isServed, isExhausted } = await recordNotDelivered(store, attempt, { before: served.position, waitS })
  if (isServed && sent.status === GONE) await stopEndpoint(store, served, 'gone')
  else if (isServed && isExhausted) await stopEndpoint(store, served, 'retries_exhausted')
}
