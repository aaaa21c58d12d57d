// The one event stream of a page: what arrives makes reads old. It pauses while the page is hidden, and goes on after its last event.
// It is read with `fetch`, because an `EventSource` shows neither the status of a refusal nor the signs of life of a quiet stream.

import { announceUnauthorized, segment } from '../api/client.ts'
import type { StreamEvent } from '../api/types.ts'
import { createBatch } from './batch.ts'
import { createMessageReader } from './messages.ts'
import { whenAwake } from './wake.ts'

export type FeedState = 'connecting' | 'live' | 'catching up' | 'paused' | 'cut' | 'refused'

/** The state of the stream, as the line under the top of the page shows it. */
export interface FeedStatus {
  readonly state: FeedState
  /** Since when data may be old; null while they are not. */
  readonly since: number | null
}

export interface FeedOptions {
  readonly companyId: string
  readonly onEvents: (events: readonly StreamEvent[]) => void
  /** The reads may be old and no event says which: after the first connection, and when the position is gone. */
  readonly onResync: () => void
  readonly onStatus: (status: FeedStatus) => void
}

const FIRST_RETRY_MS = 1000
const MAX_RETRY_MS = 15_000
/** The server sends a sign of life every 15 seconds. A connection without one for this long is dead, although no error says so. */
const SILENT_MS = 40_000
/** A batch with fewer events than this is one of a stream that has caught up. */
const FEW = 500
/** A stream without events for this long has caught up, too. */
const QUIET_MS = 600

/** Reads the text of an answer until it ends. */
async function readText(response: Response, onText: (text: string) => void): Promise<void> {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  for (;;) {
    const piece = await reader?.read()
    if (piece === undefined || piece.done) return
    onText(piece.value)
  }
}

/** The milliseconds that a refusal asks to wait; 0 where it says nothing. */
const retryAfterOf = (response: Response): number => 1000 * (Number(response.headers.get('Retry-After')) || 0)

/** Where the stream is, and its one connection. */
class Feed {
  readonly #options: FeedOptions
  #connection: AbortController | null = null
  /** The position behind the last event that was received; null before the first connection. */
  #cursor: string | null = null
  #retryMs = FIRST_RETRY_MS
  #timer: ReturnType<typeof setTimeout> | undefined
  #watchdog: ReturnType<typeof setTimeout> | undefined
  #state: FeedState | null = null
  #since: number | null = null
  readonly #batch

  constructor(options: FeedOptions) {
    this.#options = options
    const onFlushed = (count: number): void => {
      if (count < FEW) this.#settle()
      else this.#settleIfQuiet()
    }
    this.#batch = createBatch({ onEvents: options.onEvents, onTooMany: options.onResync, onFlushed })
  }

  /** Opens the connection, in the place of the one before. */
  open(): void {
    this.close()
    this.#report(this.#cursor === null ? 'connecting' : 'catching up')
    const connection = new AbortController()
    this.#connection = connection
    this.#follow(connection).catch(() => {
      if (this.#connection === connection) this.#retry('cut', this.#retryMs)
    })
  }

  close(): void {
    clearTimeout(this.#timer)
    clearTimeout(this.#watchdog)
    this.#connection?.abort()
    this.#connection = null
  }

  pause(): void {
    this.close()
    this.#report('paused')
  }

  end(): void {
    this.close()
    this.#batch.end()
  }

  async #follow(connection: AbortController): Promise<void> {
    const query = this.#cursor === null ? '' : `?after=${encodeURIComponent(this.#cursor)}`
    const address = `/api/companies/${segment(this.#options.companyId)}/events/stream${query}`
    this.#watch(connection)
    const response = await fetch(address, { headers: { Accept: 'text/event-stream' }, cache: 'no-store', signal: connection.signal })
    // It was closed, or another took its place, in the moment in which the answer arrived.
    if (this.#connection !== connection) return
    if (!response.ok) return this.#refused(response)
    this.#retryMs = FIRST_RETRY_MS
    if (this.#cursor === null) {
      this.#report('live')
      this.#options.onResync()
    } else this.#settleIfQuiet()
    const { read } = createMessageReader({
      onPosition: (id) => (this.#cursor = id),
      onMessage: (data, id) => this.#receive(JSON.parse(data) as StreamEvent, id),
    })
    await readText(response, (text) => {
      if (this.#connection !== connection) return
      this.#watch(connection)
      read(text)
    })
    throw new Error('the server ended the stream')
  }

  #receive(event: StreamEvent, id: string): void {
    this.#cursor = id
    clearTimeout(this.#timer)
    if (event.type === 'resync') this.#options.onResync()
    else this.#batch.add(event)
  }

  /** The stream has caught up. */
  #settle(): void {
    if (this.#state === 'catching up') this.#report('live')
  }

  #settleIfQuiet(): void {
    if (this.#state === 'catching up') this.#timer = setTimeout(() => this.#settle(), QUIET_MS)
  }

  /** Ends a connection that shows no sign of life. */
  #watch(connection: AbortController): void {
    clearTimeout(this.#watchdog)
    this.#watchdog = setTimeout(() => connection.abort(), SILENT_MS)
  }

  #refused(response: Response): void {
    if (response.status === 401) announceUnauthorized()
    // A role may be given again, and a deployment may end. Both need no hurry.
    const isFinal = response.status === 403 || response.status === 404
    this.#retry(isFinal ? 'refused' : 'cut', isFinal ? MAX_RETRY_MS : Math.max(this.#retryMs, retryAfterOf(response)))
  }

  #retry(state: FeedState, ms: number): void {
    this.close()
    this.#report(state)
    this.#timer = setTimeout(() => this.open(), ms)
    this.#retryMs = Math.min(this.#retryMs * 2, MAX_RETRY_MS)
  }

  #report(state: FeedState): void {
    if (state === this.#state) return
    this.#state = state
    this.#since = state === 'live' ? null : (this.#since ?? Date.now())
    this.#options.onStatus({ state, since: this.#since })
  }
}

/**
 * Follows the events of a company until it is closed.
 * @returns closes the stream
 */
export function followEvents(options: FeedOptions): () => void {
  const feed = new Feed(options)
  const onVisibility = (): void => (document.hidden ? feed.pause() : feed.open())
  document.addEventListener('visibilitychange', onVisibility)
  const stopWaking = whenAwake(() => {
    if (!document.hidden) feed.open()
  })
  onVisibility()
  return () => {
    document.removeEventListener('visibilitychange', onVisibility)
    stopWaking()
    feed.end()
  }
}
