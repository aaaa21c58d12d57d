import type { Socket } from 'node:net'
import type { Pool, PoolClient } from 'pg'

/** Nearly every request is done by then, and a probe still fits into the second within which a silence must be noticed. */
const SUSPICIOUS_AFTER_MS = 400
/** A new session takes 5 ms; one that takes this long on a database from which nothing else is heard does not come. */
const PROBE_MS = 450
const LOOK_EVERY_MS = 100
/** While the database is silent: how long an answer that came back may go unnoticed. */
const PROBE_AGAIN_MS = 250

/** Asks the database anything at all on a connection of its own; rejects when no answer comes within `ms`. */
export type Probe = (ms: number) => Promise<void>

/** Told when the database falls silent, and when it answers again. */
export type OnSilence = (silent: boolean) => void

export interface Vigil {
  /** Ends the watch; what is under way is left alone. */
  readonly stop: () => void
  /** Gives up on every connection in use: what waits for an answer is told that the connection is lost. */
  readonly abandon: () => void
}

type Callback = (error: Error | undefined, client?: PoolClient, done?: (release?: unknown) => void) => void

const silence = (): Error => Object.assign(new Error('the database does not answer'), { code: 'ETIMEDOUT' })

/**
 * The driver has no public way to give up on a connection that says nothing: `end()` waits for the answers of what was
 * pipelined. This is what its own read timeout does.
 */
function hangUp(client: PoolClient): void {
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
export function keepVigil(pool: Pool, probe: Probe, onSilence: OnSilence): Vigil {
  const inUse = new Map<PoolClient, number>()
  const waiting = new Map<() => void, number>()
  let silent = false
  let probing = false
  let heardAt = performance.now()

  pool.on('acquire', (client) => void inUse.set(client, performance.now()))
  pool.on('release', (error, client) => {
    inUse.delete(client)
    if (!(error instanceof Error)) heardAt = performance.now()
  })
  pool.on('connect', () => void (heardAt = performance.now()))

  const plain = pool.connect.bind(pool) as (callback: Callback) => void
  const gated = (callback: Callback): void => {
    if (silent) return process.nextTick(callback, silence())
    let settled = false
    const settle: Callback = (error, client, done) => {
      // The caller has been refused meanwhile; a connection that comes late is for somebody else.
      if (settled) return client?.release()
      settled = true
      waiting.delete(giveUp)
      callback(error, client, done)
    }
    const giveUp = (): void => settle(silence())
    waiting.set(giveUp, performance.now())
    plain(settle)
  }
  pool.connect = ((callback?: Callback) => {
    if (callback !== undefined) return gated(callback)
    return new Promise<PoolClient>((resolve, reject) => {
      gated((error, client) => (client === undefined ? reject(error ?? silence()) : resolve(client)))
    })
  }) as Pool['connect']

  const abandon = (): void => {
    for (const client of inUse.keys()) hangUp(client)
    for (const giveUp of waiting.keys()) giveUp()
  }
  const turn = (to: boolean): void => {
    if (to) abandon()
    if (to === silent) return
    silent = to
    onSilence(to)
  }
  const ask = async (): Promise<void> => {
    const askedAt = performance.now()
    probing = true
    try {
      await probe(PROBE_MS)
      turn(false)
    } catch {
      // After a pause of this process its timers fire before its sockets are read: look at what has arrived first.
      await new Promise((resolve) => setImmediate(resolve))
      if (silent || heardAt < askedAt) turn(true)
    } finally {
      probing = false
    }
  }
  const isSuspicious = (now: number): boolean => {
    for (const since of inUse.values()) if (now - since > SUSPICIOUS_AFTER_MS) return true
    for (const since of waiting.values()) if (now - since > SUSPICIOUS_AFTER_MS) return true
    return false
  }

  let lastAskedAt = 0
  const looking = setInterval(() => {
    const now = performance.now()
    if (probing || (!silent && !isSuspicious(now)) || now - lastAskedAt < PROBE_AGAIN_MS) return
    lastAskedAt = now
    ask().catch(() => {})
  }, LOOK_EVERY_MS).unref()

  return { stop: () => clearInterval(looking), abandon }
}
