import type { Socket } from 'node:net'
import type { Pool, PoolClient } from 'pg'

/** Nearly every request is done by then, and a probe still fits into the second within which a silence must be noticed. */
const PROBE_AFTER_MS = 400
/** A new session takes 5 ms; one that takes this long on a database from which nothing else is heard does not come. */
const PROBE_TIMEOUT_MS = 450
const CHECK_INTERVAL_MS = 100
/** While the database is silent: how long an answer that came back may go unnoticed. */
const REPROBE_INTERVAL_MS = 250

/** Asks the database anything at all on a connection of its own; rejects when no answer comes within `ms`. */
export type Probe = (ms: number) => Promise<void>

/** Told when the database falls silent, and when it answers again. */
export type OnUnresponsive = (isUnresponsive: boolean) => void

export interface PoolWatchdog {
  /** Ends the watch; what is under way is left alone. */
  readonly stop: () => void
  /** Gives up on every connection in use: what waits for an answer is told that the connection is lost. */
  readonly destroyAll: () => void
}

type Callback = (error: Error | undefined, client?: PoolClient, done?: (release?: unknown) => void) => void

const unresponsiveError = (): Error => Object.assign(new Error('the database does not answer'), { code: 'ETIMEDOUT' })

/**
 * The driver has no public way to give up on a connection that says nothing: `end()` waits for the answers of what was
 * pipelined. This is what its own read timeout does.
 */
function destroySocket(client: PoolClient): void {
  const { connection } = client as unknown as { connection: { stream: Socket } }
  connection.stream.destroy()
}

/**
 * Tells a database that thinks from one that is gone. A statement may rightly wait seconds for a lock, so time alone
 * proves nothing: only when a connection has been in use for a while does the pool ask on a connection of its own
 * whether the database still answers. If that is silent too, and nothing else has been heard since, everything that waits
 * is given up at once, and new callers are refused without waiting until a probe is answered.
 *
 * The pool's `connect` is replaced, through which `query` goes as well.
 */
export function watchPool(pool: Pool, probe: Probe, onUnresponsive: OnUnresponsive): PoolWatchdog {
  const inUse = new Map<PoolClient, number>()
  const waiting = new Map<() => void, number>()
  let isUnresponsive = false
  let isProbing = false
  let lastHeardAt = performance.now()

  pool.on('acquire', (client) => void inUse.set(client, performance.now()))
  pool.on('release', (error, client) => {
    inUse.delete(client)
    if (!(error instanceof Error)) lastHeardAt = performance.now()
  })
  pool.on('connect', () => void (lastHeardAt = performance.now()))

  const originalConnect = pool.connect.bind(pool) as (callback: Callback) => void
  const watchedConnect = (callback: Callback): void => {
    if (isUnresponsive) return process.nextTick(callback, unresponsiveError())
    let isSettled = false
    const settleOnce: Callback = (error, client, done) => {
      // The caller has been refused meanwhile; a connection that comes late is for somebody else.
      if (isSettled) return client?.release()
      isSettled = true
      waiting.delete(rejectWaiter)
      callback(error, client, done)
    }
    const rejectWaiter = (): void => settleOnce(unresponsiveError())
    waiting.set(rejectWaiter, performance.now())
    originalConnect(settleOnce)
  }
  pool.connect = ((callback?: Callback) => {
    if (callback !== undefined) return watchedConnect(callback)
    return new Promise<PoolClient>((resolve, reject) => {
      watchedConnect((error, client) => (client === undefined ? reject(error ?? unresponsiveError()) : resolve(client)))
    })
  }) as Pool['connect']

  const destroyAll = (): void => {
    for (const client of inUse.keys()) destroySocket(client)
    for (const rejectWaiter of waiting.keys()) rejectWaiter()
  }
  const setUnresponsive = (unresponsive: boolean): void => {
    if (unresponsive) destroyAll()
    if (unresponsive === isUnresponsive) return
    isUnresponsive = unresponsive
    onUnresponsive(unresponsive)
  }
  const runProbe = async (): Promise<void> => {
    const probedAt = performance.now()
    isProbing = true
    try {
      await probe(PROBE_TIMEOUT_MS)
      setUnresponsive(false)
    } catch {
      // After a pause of this process its timers fire before its sockets are read: look at what has arrived first.
      await new Promise((resolve) => setImmediate(resolve))
      if (isUnresponsive || lastHeardAt < probedAt) setUnresponsive(true)
    } finally {
      isProbing = false
    }
  }
  const isStalled = (now: number): boolean => {
    for (const since of inUse.values()) if (now - since > PROBE_AFTER_MS) return true
    for (const since of waiting.values()) if (now - since > PROBE_AFTER_MS) return true
    return false
  }

  let lastProbedAt = 0
  const checkTimer = setInterval(() => {
    const now = performance.now()
    if (isProbing || (!isUnresponsive && !isStalled(now)) || now - lastProbedAt < REPROBE_INTERVAL_MS) return
    lastProbedAt = now
    runProbe().catch(() => {})
  }, CHECK_INTERVAL_MS).unref()

  return { stop: () => clearInterval(checkTimer), destroyAll }
}
