import { createWaitingLine } from '../../kernel/waitingLine.ts'
import { destroyConnection } from './socket.ts'
import type { Responsiveness } from './responsiveness.ts'
import type { Connection, Pool } from './types.ts'

/** Nearly every request is complete by then, and a probe still fits into the second within which a silence must be noticed. */
const PROBE_AFTER_MS = 400
/** A new session takes 5 ms. On a database that is otherwise silent, one that takes this long will not come; longer on a busy machine. */
const PROBE_TIMEOUT_MS = 450
/** A probe that is answered late ends what began without it, and shows how long to wait for the next one. */
const PROBE_ABANDONED_MS = 4000
const CHECK_INTERVAL_MS = 100
/** While the database does not answer: how long its return may go unnoticed. */
const REPROBE_INTERVAL_MS = 250

/** Asks the database for any answer on a new connection; rejects when none comes within `ms` milliseconds. */
export type Probe = (ms: number) => Promise<void>

/** Called with true when the database stops answering, and with false when it answers again. */
export type OnUnresponsive = (isUnresponsive: boolean) => void

export interface PoolWatchdog {
  /** Ends the watch. Work in progress is not changed. */
  readonly stop: () => void
  /** Gives up on every connection in use: each caller that waits for an answer gets the error of a lost connection. */
  readonly destroyAll: () => void
}

type Callback = (error: Error | undefined, connection?: Connection, done?: (release?: unknown) => void) => void

const unresponsiveError = (): Error => Object.assign(new Error('the database does not answer'), { code: 'ETIMEDOUT' })

/** The traffic of a pool, as far as the watchdog observes it. */
interface Traffic {
  /** Whether a connection has been in use, or a caller has waited for one, for at least `ms` milliseconds. */
  isOlderThan(ms: number, now: number): boolean
  readonly destroyAll: () => void
}

/** A caller that waits for a connection, and since when. */
interface Waiter {
  readonly since: number
  readonly reject: () => void
}

/**
 * Watches the callers and connections of a pool. It replaces the pool's `connect`, which `query` uses as well.
 * @param isRefusing whether new callers are refused at once
 */
function watchTraffic(pool: Pool, responsiveness: Responsiveness, isRefusing: () => boolean): Traffic {
  const usedSince = new Map<Connection, number>()
  const waiting = createWaitingLine<Waiter>()

  pool.on('acquire', (connection) => void usedSince.set(connection, performance.now()))
  pool.on('remove', (connection) => void usedSince.delete(connection))
  pool.on('release', (error, connection) => {
    usedSince.set(connection, Infinity)
    if (!(error instanceof Error)) responsiveness.noteAnswer()
  })

  const originalConnect = pool.connect.bind(pool) as (callback: Callback) => void
  const watchedConnect = (callback: Callback): void => {
    if (isRefusing()) return process.nextTick(callback, unresponsiveError())
    let isResolved = false
    const resolveOnce: Callback = (error, connection, done) => {
      // The caller was refused before; a connection that comes late is free for another caller.
      if (isResolved) return connection?.release()
      isResolved = true
      waiting.leave(place)
      callback(error, connection, done)
    }
    const place = waiting.add({ since: performance.now(), reject: () => resolveOnce(unresponsiveError()) })
    originalConnect(resolveOnce)
  }
  pool.connect = ((callback?: Callback) => {
    if (callback !== undefined) return watchedConnect(callback)
    return new Promise<Connection>((resolve, reject) => {
      watchedConnect((error, connection) => (connection === undefined ? reject(error ?? unresponsiveError()) : resolve(connection)))
    })
  }) as Pool['connect']

  return {
    isOlderThan: (ms, now) => [...usedSince.values()].some((since) => now - since > ms) || now - (waiting.first()?.since ?? now) > ms,
    destroyAll() {
      for (const [connection, since] of usedSince) if (since < Infinity) destroyConnection(connection)
      for (const { reject } of waiting.values()) reject()
    },
  }
}

/**
 * Distinguishes a database that is busy from one that does not answer. A statement may rightly wait seconds for a row
 * lock, so time alone proves nothing. Only when a connection has been in use for a while does the watchdog probe the
 * database on a new connection. If the probe is not answered and nothing else was heard since, it gives up on everything that waits
 * at once, and refuses new callers without waiting until a probe is answered.
 */
export function watchPool(pool: Pool, probe: Probe, responsiveness: Responsiveness, onUnresponsive: OnUnresponsive): PoolWatchdog {
  let isUnresponsive = false
  let isProbing = false
  let lastProbedAt = 0
  const traffic = watchTraffic(pool, responsiveness, () => isUnresponsive)

  const setUnresponsive = (unresponsive: boolean): void => {
    if (unresponsive) traffic.destroyAll()
    if (unresponsive === isUnresponsive) return
    isUnresponsive = unresponsive
    onUnresponsive(unresponsive)
  }
  /** Whether a probe is answered in time. It goes on after that: its answer counts also when it is late. */
  const isAnswered = (probedAt: number): Promise<boolean> =>
    new Promise((resolve) => {
      const limitMs = responsiveness.limit(PROBE_TIMEOUT_MS)
      const deadline = setTimeout(resolve, limitMs, false)
      probe(PROBE_ABANDONED_MS)
        .then(
          () => {
            // The answer may be late because the database was away, which says nothing about the next session.
            responsiveness.noteSession(Math.min(limitMs, performance.now() - probedAt))
            setUnresponsive(false)
            resolve(true)
          },
          () => resolve(false),
        )
        .finally(() => clearTimeout(deadline))
    })
  const runProbe = async (probedAt: number): Promise<void> => {
    isProbing = true
    if (!(await isAnswered(probedAt))) {
      // After a pause of this process its timers fire before its sockets are read, so what has arrived is read first.
      await new Promise((resolve) => setImmediate(resolve))
      if (isUnresponsive || responsiveness.lastAnswerAt() < probedAt) setUnresponsive(true)
    }
    isProbing = false
  }
  const checkTimer = setInterval(() => {
    const now = performance.now()
    if (isProbing || now - lastProbedAt < REPROBE_INTERVAL_MS) return
    if (!isUnresponsive && !traffic.isOlderThan(PROBE_AFTER_MS, now)) return
    lastProbedAt = now
    runProbe(now).catch(() => {})
  }, CHECK_INTERVAL_MS).unref()

  return { stop: () => clearInterval(checkTimer), destroyAll: traffic.destroyAll }
}
