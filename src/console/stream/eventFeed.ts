// The one event stream of a page: what arrives makes reads old. It pauses while the page is hidden, and goes on after its last event.

import type { StreamEvent } from '../api/types.ts'

export type FeedState = 'connecting' | 'live' | 'catching up' | 'paused' | 'cut'

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

/** Events are handed on together, so that a hundred in a second cost two renderings. */
const BATCH_MS = 400
/** More events than this in one batch make every read old, without a look at each. */
const MANY = 2000
const FIRST_RETRY_MS = 1000
const MAX_RETRY_MS = 15_000

interface Connection {
  source: EventSource | null
  cursor: string | null
  retryMs: number
  timer: ReturnType<typeof setTimeout> | undefined
}

/** Collects events and hands them on in batches. */
function createBatch({ onEvents, onResync }: FeedOptions): { add: (event: StreamEvent) => void; end: () => void } {
  let waiting: StreamEvent[] = []
  let count = 0
  let timer: ReturnType<typeof setTimeout> | undefined
  const flush = (): void => {
    timer = undefined
    const events = waiting
    const isMany = count > MANY
    waiting = []
    count = 0
    if (isMany) onResync()
    else onEvents(events)
  }
  return {
    add(event) {
      count += 1
      if (count <= MANY) waiting.push(event)
      timer ??= setTimeout(flush, BATCH_MS)
    },
    end: () => clearTimeout(timer),
  }
}

/**
 * Follows the events of a company until it is closed.
 * @returns closes the stream
 */
export function followEvents(options: FeedOptions): () => void {
  const connection: Connection = { source: null, cursor: null, retryMs: FIRST_RETRY_MS, timer: undefined }
  const batch = createBatch(options)
  let brokenSince: number | null = null
  const tell = (state: FeedState): void => {
    if (state === 'live') brokenSince = null
    else brokenSince ??= Date.now()
    options.onStatus({ state, since: brokenSince })
  }
  const close = (): void => {
    clearTimeout(connection.timer)
    connection.source?.close()
    connection.source = null
  }
  const open = (): void => {
    close()
    tell(connection.cursor === null ? 'connecting' : 'catching up')
    const after = connection.cursor === null ? '' : `?after=${encodeURIComponent(connection.cursor)}`
    const source = new EventSource(`/api/companies/${options.companyId}/events/stream${after}`)
    connection.source = source
    source.addEventListener('open', () => {
      connection.retryMs = FIRST_RETRY_MS
      if (connection.cursor === null) options.onResync()
      tell('live')
    })
    source.addEventListener('message', ({ data, lastEventId }: MessageEvent<string>) => {
      if (lastEventId !== '') connection.cursor = lastEventId
      const event = JSON.parse(data) as StreamEvent
      if (event.type === 'resync') options.onResync()
      else batch.add(event)
    })
    source.addEventListener('error', () => {
      // The browser's own retry keeps an old position in the address, and gives up after an error status.
      source.close()
      tell('cut')
      connection.timer = setTimeout(open, connection.retryMs)
      connection.retryMs = Math.min(connection.retryMs * 2, MAX_RETRY_MS)
    })
  }
  const onVisibility = (): void => {
    if (!document.hidden) return open()
    close()
    tell('paused')
  }
  document.addEventListener('visibilitychange', onVisibility)
  if (document.hidden) tell('paused')
  else open()
  return () => {
    document.removeEventListener('visibilitychange', onVisibility)
    close()
    batch.end()
  }
}
