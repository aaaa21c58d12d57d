import type { Standing } from '../access/standing.ts'
import type { Store } from '../db/store.ts'
import type { Log } from '../kernel/log.ts'
import { lookBehind, presentOf } from './look.ts'
import type { Entry, Look } from './look.ts'
import { isAfter } from './place.ts'
import type { Place } from './place.ts'
import { createSeats } from './seats.ts'
import type { Seats } from './seats.ts'
import { createWatches } from './watches.ts'

/** What other servers commit is seen by then, and so is a credential that is worth nothing any more. */
const LOOK_EVERY_MS = 1000
/** Commits of this process that come closer than this are read together. */
const GATHER_MS = 20

/** Somebody who is told what happens in one company. */
export interface Follower {
  readonly companyId: string
  /** Takes entries in order, of its company and each once. Never throws. */
  readonly take: (entries: readonly Entry[]) => Promise<void> | void
  /**
   * Asked behind what it took: whether it takes more at once, or when it will; false is never. What comes meanwhile is
   * not kept for it but read again. Left out, it always does.
   */
  readonly ready?: () => true | Promise<boolean>
  /** It has been told everything there is, and is told what comes from now on. */
  readonly upToDate?: () => void
  /** It is told nothing more, because the database does not answer. */
  readonly lost: () => void
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
  readonly lookEveryMs?: number
  readonly seats?: Seats
}

/** What happens, in commit order, for whoever follows along. One per process. */
export interface Feed {
  readonly seats: Seats
  /** The place of the present, and the one behind which no place can lie. */
  present(): Promise<{ edge: Place; ceiling: Place }>
  /** Tells a follower everything behind a place: first what is there, then what comes, until it is forgotten. */
  follow(follower: Follower, place: Place): void
  forget(follower: Follower): void
  /** Up to where a follower that is up to date has been told everything; undefined for any other. */
  placeOf(follower: Follower): Place | undefined
  /** Calls back when a credential is worth nothing any more. @returns the way to stop watching */
  watch(standing: Standing, fallen: () => void): () => void
  /** Something was written that no commit of `mutate` tells of, and that is worth a look now. */
  wake(): void
  announceLog(line: LogLine): void
  /** @returns the way to stop listening */
  onLog(listener: (line: LogLine) => void): () => void
  /** Looks no more, and has whoever listens end its streams. */
  stop(): void
  /** Calls back at once where it has stopped before. */
  onStop(listener: () => void): () => void
}

interface Following {
  /** Set once it is up to date: what the tail reads next may still hold entries that it took before. */
  from: Place | undefined
}

/** Listeners, and the way to stop being one. */
function listeners<T>(): { add(listener: (value: T) => void): () => void; tell(value: T): void } {
  const all = new Set<(value: T) => void>()
  return {
    add(listener) {
      all.add(listener)
      return () => void all.delete(listener)
    },
    tell(value) {
      for (const listener of all) listener(value)
    },
  }
}

/**
 * One tail of the log for all companies that anybody follows. It reads by the watermark (see `lookBehind`), so what one
 * server tells is what every other tells. A commit of this process wakes it at once; without any it looks once a second,
 * and when nobody follows not at all.
 */
export function createFeed(store: Store, log: Log, options: FeedOptions = {}): Feed {
  const lookEveryMs = options.lookEveryMs ?? LOOK_EVERY_MS
  const following = new Map<string, Map<Follower, Following>>()
  const watches = createWatches()
  const lines = listeners<LogLine>()
  const stops = listeners<void>()
  /** Up to where everybody who is up to date has been told everything. */
  let place: Place | undefined
  let timer: NodeJS.Timeout | undefined
  let looking: Promise<void> | undefined
  let lookedAt = 0
  let isWoken = false
  let isFailing = false
  let isStopped = false
  let window: number | undefined
  /** Looks in a row that found something committed which an older transaction holds up. */
  let heldUp = 0

  const isNeeded = (): boolean => !isStopped && (following.size > 0 || !watches.isEmpty())

  /** When the next look is due, from the last one. What is held up comes soon or late: it is looked for less and less often. */
  const dueMs = (): number => {
    if (isWoken && !isFailing) return GATHER_MS
    return heldUp === 0 ? lookEveryMs : Math.min(lookEveryMs, GATHER_MS * 2 ** heldUp)
  }

  const schedule = (): void => {
    if (looking !== undefined) return
    clearTimeout(timer)
    if (!isNeeded()) return void (place = undefined)
    timer = setTimeout(look, Math.max(0, lookedAt + dueMs() - performance.now()))
    timer.unref()
  }

  const look = (): void => {
    isWoken = false
    lookedAt = performance.now()
    looking = lookOnce()
      .then(
        (more) => {
          isFailing = false
          if (more) lookedAt = 0
        },
        (error: unknown) => {
          if (!isFailing && !isStopped) log.warn({ err: error }, 'followers wait until the database answers')
          isFailing = true
        },
      )
      .then(() => {
        looking = undefined
        schedule()
      })
  }

  const lookOnce = async (): Promise<boolean> => {
    const { edge } = place === undefined ? await presentOf(store.read) : { edge: place }
    // Somebody may have caught up meanwhile, and what it has not been told begins earlier.
    place ??= edge
    const found = await lookBehind(store.read, place, [...following.keys()], watches.standings(), window)
    if (isStopped) return false
    window = found.window
    watches.tell(found.fallen)
    heldUp = found.isHeldUp ? heldUp + 1 : 0
    await tell(found)
    return found.more
  }

  const tell = async (found: Look): Promise<void> => {
    // Who is told and up to where is settled in one go: whoever is up to date a moment later begins behind it.
    place = found.upTo
    const byCompany = new Map<string, Entry[]>()
    for (const entry of found.entries) {
      const known = byCompany.get(entry.companyId)
      if (known === undefined) byCompany.set(entry.companyId, [entry])
      else known.push(entry)
    }
    const told: Promise<void>[] = []
    for (const [companyId, entries] of byCompany)
      for (const [follower, state] of following.get(companyId) ?? []) told.push(tellOne(follower, state, entries))
    await Promise.all(told)
  }

  const tellOne = async (follower: Follower, state: Following, entries: readonly Entry[]): Promise<void> => {
    const { from } = state
    // Somebody who is still catching up reads for itself.
    if (from === undefined) return
    const news = entries.filter((entry) => isAfter(entry.place, from))
    const last = news.at(-1)
    if (last === undefined) return
    await follower.take(news)
    const ready = follower.ready?.() ?? true
    if (ready === true || stateOf(follower) !== state) return
    leave(follower, state)
    follow(follower, last.place, ready)
  }

  const enter = (follower: Follower): Following => {
    const state: Following = { from: undefined }
    const company = following.get(follower.companyId) ?? new Map<Follower, Following>()
    following.set(follower.companyId, company.set(follower, state))
    return state
  }

  const leave = (follower: Follower, state: Following | undefined): void => {
    const company = following.get(follower.companyId)
    // It may have left and come back meanwhile.
    if (company === undefined || state === undefined || company.get(follower) !== state) return
    company.delete(follower)
    if (company.size === 0) following.delete(follower.companyId)
    schedule()
  }
  const stateOf = (follower: Follower): Following | undefined => following.get(follower.companyId)?.get(follower)

  const follow = (follower: Follower, behind: Place, ready: true | Promise<boolean>): void => {
    const state = enter(follower)
    catchUp(follower, state, behind, ready).catch(() => {
      leave(follower, state)
      follower.lost()
    })
  }

  const catchUp = async (follower: Follower, state: Following, behind: Place, ready: true | Promise<boolean>): Promise<void> => {
    const isOver = (): boolean => isStopped || stateOf(follower) !== state
    // A look that began before does not read this company, and ends who knows where.
    await looking
    let [at, isReady] = [behind, await ready]
    for (let page: Look | undefined; isReady && !isOver();) {
      page = await lookBehind(store.read, at, [follower.companyId], undefined, page?.window)
      if (isOver()) return
      at = page.upTo
      if (page.entries.length > 0) {
        await follower.take(page.entries)
        isReady = await (follower.ready?.() ?? true)
      }
      // What lies between here and the tail would be told by nobody.
      if (!isReady || page.more || isOver() || (place !== undefined && isAfter(place, at))) continue
      place ??= at
      state.from = at
      schedule()
      return follower.upToDate?.()
    }
    leave(follower, state)
  }

  const stopListening = store.onCommit((rows) => {
    if (rows.some((row) => following.has(row.companyId))) wake()
  })

  const wake = (): void => {
    isWoken = true
    heldUp = 0
    schedule()
  }

  return {
    seats: options.seats ?? createSeats(),
    present: () => presentOf(store.read),
    follow: (follower, behind) => follow(follower, behind, true),
    forget: (follower) => leave(follower, stateOf(follower)),
    placeOf(follower) {
      const from = stateOf(follower)?.from
      return from === undefined || place === undefined || isAfter(from, place) ? from : place
    },
    watch(standing, fallen) {
      const stopWatching = watches.add(standing, fallen)
      schedule()
      return () => {
        stopWatching()
        schedule()
      }
    },
    wake,
    announceLog: (line) => lines.tell(line),
    onLog: (listener) => lines.add(listener),
    stop() {
      if (isStopped) return
      isStopped = true
      clearTimeout(timer)
      stopListening()
      stops.tell()
    },
    onStop(listener) {
      if (isStopped) listener()
      return stops.add(listener)
    },
  }
}
