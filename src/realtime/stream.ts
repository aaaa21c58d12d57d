import type { Standing } from '../access/standing.ts'
import type { Live, Sink } from '../http/live.ts'
import type { Feed, Follower } from './feed.ts'
import type { Entry } from './look.ts'
import { cursorOf } from './place.ts'
import type { Place } from './place.ts'

/** Bytes a reader may leave lying, beyond what the kernel holds for it, before it is waited for. A page may come on top. */
const MOST_WAITING_BYTES = 128 * 1024
/** A reader that has not taken them by then is cut. It comes back with its cursor, if it is still there. */
const PATIENCE_MS = 10_000
/** Shorter than any proxy's idea of an idle connection. */
const BEAT_EVERY_MS = 15_000
/** What a reader that lost its connection waits before it comes back. */
const RETRY_MS = 1000

export interface StreamOptions {
  readonly patienceMs?: number
  readonly beatEveryMs?: number
}

/** An entry as a message. Postgres writes JSON without line breaks, which would end it. */
const messageOf = (entry: Entry): string =>
  `id: ${cursorOf(entry.place)}\ndata: {"type":"${entry.type}","companyId":"${entry.companyId}","createdAt":"${entry.createdAt}","payload":${entry.payload}}\n\n`

// An id without data moves the reader's cursor and is no message (HTML, "event stream interpretation").
const cursorOnly = (place: Place): string => `id: ${cursorOf(place)}\n`

/** What a reader is told whose cursor this database has never made: what it knows may be of another history. */
const resyncMessage = (companyId: string, place: Place): string =>
  `${cursorOnly(place)}data: ${JSON.stringify({ type: 'resync', companyId })}\n\n`

interface Following {
  readonly companyId: string
  readonly from: Place
  /** The reader's cursor is of no use: it has to read everything afresh, and begins here. */
  readonly mustResync: boolean
  readonly standing: Standing | null
  /** False ends the answer once everything there is has been told. */
  readonly goesOn: boolean
  /** Gives the reader's seat back. */
  readonly leaveSeat: () => void
}

/**
 * A company's events as server-sent events, until the reader leaves, its credential falls, the company is deleted, or
 * the server stops. A reader that does not keep up is waited for without keeping anything for it: what it misses is read
 * again when it has caught up. After some patience it is cut.
 */
export function eventStream(feed: Feed, following: Following, options: StreamOptions = {}): Live {
  const { companyId, from } = following
  const open = (sink: Sink): (() => void) => {
    let isOver = false
    const take = (entries: readonly Entry[]): void => {
      for (const entry of entries) {
        if (isOver) return
        sink.write(messageOf(entry))
        if (entry.action === 'company.deleted') sink.end()
      }
    }
    const patiently = async (): Promise<boolean> => {
      const hasTaken = await sink.caughtUp(options.patienceMs ?? PATIENCE_MS)
      if (!hasTaken) sink.cut()
      return hasTaken
    }
    const follower: Follower = {
      companyId,
      take,
      ready: () => (sink.waiting() <= MOST_WAITING_BYTES ? true : patiently()),
      ...(following.goesOn ? {} : { upToDate: sink.end }),
      lost: sink.cut,
    }

    const beat = setInterval(() => {
      // A reader that does not take what it is sent need not be told that it is still connected.
      if (sink.waiting() > MOST_WAITING_BYTES) return
      const place = feed.placeOf(follower)
      sink.write(`${place === undefined ? '' : cursorOnly(place)}: here\n\n`)
    }, options.beatEveryMs ?? BEAT_EVERY_MS)
    const unwatch = following.standing === null ? undefined : feed.watch(following.standing, sink.end)
    const forgetStop = feed.onStop(sink.end)
    sink.write(`retry: ${RETRY_MS}\n${following.mustResync ? resyncMessage(companyId, from) : `${cursorOnly(from)}\n`}`)
    feed.follow(follower, from)
    return () => {
      isOver = true
      clearInterval(beat)
      unwatch?.()
      forgetStop()
      feed.forget(follower)
      following.leaveSeat()
    }
  }
  return { contentType: 'text/event-stream; charset=utf-8', open }
}
