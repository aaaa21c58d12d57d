import type { CredentialRef } from '../../auth/credentialStatus.ts'
import type { LiveResponse, Sink } from '../../http/liveResponse.ts'
import type { Feed, Subscriber } from './feed.ts'
import type { FeedEntry } from './readAfter.ts'
import { cursorOf } from './position.ts'
import type { Position } from './position.ts'

/** Bytes a reader may leave lying, beyond what the kernel holds for it, before it is waited for. A page may come on top. */
const MAX_BUFFERED_BYTES = 128 * 1024
/** A reader that has not taken them by then is cut. It comes back with its cursor, if it is still there. */
const SLOW_READER_TIMEOUT_MS = 10_000
/** Shorter than any proxy's idea of an idle connection. */
const KEEP_ALIVE_INTERVAL_MS = 15_000
/** What a reader that lost its connection waits before it comes back. */
const RETRY_MS = 1000

export interface StreamOptions {
  readonly slowReaderTimeoutMs?: number
  readonly keepAliveIntervalMs?: number
}

/** An entry as a message. Postgres writes JSON without line breaks, which would end it. */
const messageOf = (entry: FeedEntry): string =>
  `id: ${cursorOf(entry.position)}\ndata: {"type":"${entry.type}","companyId":"${entry.companyId}","createdAt":"${entry.createdAt}","payload":${entry.payload}}\n\n`

// An id without data moves the reader's cursor and is no message (HTML, "event stream interpretation").
const cursorOnly = (position: Position): string => `id: ${cursorOf(position)}\n`

/** What a reader is told whose cursor this database has never made: what it knows may be of another history. */
const resyncMessage = (companyId: string, position: Position): string =>
  `${cursorOnly(position)}data: ${JSON.stringify({ type: 'resync', companyId })}\n\n`

interface StreamRequest {
  readonly companyId: string
  readonly from: Position
  /** The reader's cursor is of no use: it has to read everything afresh, and begins here. */
  readonly mustResync: boolean
  readonly credential: CredentialRef | null
  /** False ends the answer once everything there is has been told. */
  readonly keepsOpen: boolean
  /** Gives the reader's seat back. */
  readonly releaseConnection: () => void
}

/**
 * A company's events as server-sent events, until the reader leaves, its credential falls, the company is deleted, or
 * the server stops. A reader that does not keep up is waited for without keeping anything for it: what it misses is read
 * again when it has caught up. After some patience it is cut.
 */
export function eventStream(feed: Feed, request: StreamRequest, options: StreamOptions = {}): LiveResponse {
  const { companyId, from } = request
  const open = (sink: Sink): (() => void) => {
    let isClosed = false
    const writeEntries = (entries: readonly FeedEntry[]): void => {
      for (const entry of entries) {
        if (isClosed) return
        sink.write(messageOf(entry))
        if (entry.action === 'company.deleted') sink.end()
      }
    }
    const waitForReader = async (): Promise<boolean> => {
      const hasDrained = await sink.drained(options.slowReaderTimeoutMs ?? SLOW_READER_TIMEOUT_MS)
      if (!hasDrained) sink.destroy()
      return hasDrained
    }
    const subscriber: Subscriber = {
      companyId,
      onBatch: writeEntries,
      backpressure: () => (sink.pendingBytes() <= MAX_BUFFERED_BYTES ? true : waitForReader()),
      ...(request.keepsOpen ? {} : { onCaughtUp: sink.end }),
      onDisconnect: sink.destroy,
    }

    const keepAlive = setInterval(() => {
      // A reader that does not take what it is sent need not be told that it is still connected.
      if (sink.pendingBytes() > MAX_BUFFERED_BYTES) return
      const position = feed.positionOf(subscriber)
      sink.write(`${position === undefined ? '' : cursorOnly(position)}: here\n\n`)
    }, options.keepAliveIntervalMs ?? KEEP_ALIVE_INTERVAL_MS)
    const stopWatching = request.credential === null ? undefined : feed.watchCredential(request.credential, sink.end)
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
