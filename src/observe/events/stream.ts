import { credentialRefOf } from '../../auth/credentialStatus.ts'
import type { Actor } from '../../platform/kernel/actor.ts'
import type { LiveResponse, Sink } from '../../http/liveResponse.ts'
import type { Feed } from './feed.ts'
import { eventJson } from './present.ts'
import type { Subscriber } from './subscriptions.ts'
import type { FeedEntry } from './readAfter.ts'
import { cursorOf } from './position.ts'
import type { Position } from './position.ts'

/** Unsent bytes of a client, beyond the kernel's buffer, above which the stream waits for it. One more batch may be added. */
const MAX_BUFFERED_BYTES = 128 * 1024
/** A client that has not drained its buffer by then is disconnected. It can resume with its cursor. */
const SLOW_READER_TIMEOUT_MS = 10_000
/** Shorter than the idle timeout of any common proxy. */
const KEEP_ALIVE_INTERVAL_MS = 15_000
/** How long a client that lost its connection waits before it connects again. */
const RETRY_MS = 1000

export interface StreamOptions {
  readonly slowReaderTimeoutMs?: number
  readonly keepAliveIntervalMs?: number
}

/** Encodes an entry as one message. A line break would end it, and the JSON has none. */
const messageOf = (entry: FeedEntry, actor: Actor): string => `id: ${cursorOf(entry.position)}\ndata: ${eventJson(actor, entry)}\n\n`

// An id without data moves the client's cursor and is not a message (HTML, "event stream interpretation").
const cursorOnly = (position: Position): string => `id: ${cursorOf(position)}\n`

/** The answer to a cursor that this database has never issued: the client's state may be of another history. */
const resyncMessage = (companyId: string, position: Position): string =>
  `${cursorOnly(position)}data: ${JSON.stringify({ type: 'resync', companyId })}\n\n`

interface StreamRequest {
  readonly companyId: string
  readonly from: Position
  /** The client's cursor is invalid: the client has to read its state again, and the stream begins at `from`. */
  readonly mustResync: boolean
  /** The party that reads; it decides what of an event is sent, and the response ends with its credential. */
  readonly actor: Actor
  /** False ends the response when every readable event has been sent. */
  readonly keepsOpen: boolean
  /** Releases the client's connection slot. */
  readonly releaseConnection: () => void
}

/**
 * Sends a company's events as server-sent events until the client leaves, its credential is revoked or expires, the
 * company is deleted, or the server stops. Nothing is buffered for a slow client: the events that it misses are read again
 * from the log when it is ready. A client that is slow for too long is disconnected.
 */
export function eventStream(feed: Feed, request: StreamRequest, options: StreamOptions = {}): LiveResponse {
  const { companyId, from } = request
  const open = (sink: Sink): (() => void) => {
    let isClosed = false
    const writeEntries = (entries: readonly FeedEntry[]): void => {
      for (const entry of entries) {
        if (isClosed) return
        sink.write(messageOf(entry, request.actor))
        if (entry.action === 'company.deleted') sink.end()
      }
    }
    const waitForDrain = async (): Promise<boolean> => {
      const hasDrained = await sink.drained(options.slowReaderTimeoutMs ?? SLOW_READER_TIMEOUT_MS)
      if (!hasDrained) sink.destroy()
      return hasDrained
    }
    const subscriber: Subscriber = {
      companyId,
      onBatch: writeEntries,
      backpressure: () => (sink.pendingBytes() <= MAX_BUFFERED_BYTES ? true : waitForDrain()),
      ...(request.keepsOpen ? {} : { onCaughtUp: sink.end }),
      onDisconnect: sink.destroy,
    }

    const keepAlive = setInterval(() => {
      // A client that does not read what it is sent needs no keep-alive.
      if (sink.pendingBytes() > MAX_BUFFERED_BYTES) return
      const position = feed.positionOf(subscriber)
      sink.write(`${position === undefined ? '' : cursorOnly(position)}: here\n\n`)
    }, options.keepAliveIntervalMs ?? KEEP_ALIVE_INTERVAL_MS)
    const credential = credentialRefOf(request.actor, companyId)
    const stopWatching = credential === null ? undefined : feed.watchCredential(credential, sink.end)
    const stopListening = feed.onStop(sink.end)
    sink.write(`retry: ${RETRY_MS}\n${request.mustResync ? resyncMessage(companyId, from) : `${cursorOnly(from)}\n`}`)
    feed.subscribe(subscriber, from)
    return () => {
      isClosed = true
      clearInterval(keepAlive)
      stopWatching?.()
      stopListening()
      feed.unsubscribe(subscriber)
      request.releaseConnection()
    }
  }
  return { contentType: 'text/event-stream; charset=utf-8', open }
}
