// Keeps a postmaster running: restarts it after a crash and rotates its log.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from './contract.ts'
import type { Postmaster } from './postmaster.ts'
import { rotateLog } from './logFile.ts'
import { stopPostmaster } from './postmaster.ts'

interface SuperviseOptions {
  readonly first: Postmaster
  /** Starts another postmaster with the same connection options; rejects when that fails or the signal is aborted. */
  readonly relaunch: (signal: AbortSignal) => Promise<Postmaster>
  readonly logFile: string
  readonly log: Log
}

/** The first wait is short, because most crashes are single. The longest limits how late Postgres restarts once the cause is removed. */
const MIN_BACKOFF_MS = 100
const MAX_BACKOFF_MS = 5_000

/** A postmaster that ran this long did not fail because of its start, so the backoff begins again. */
const HEALTHY_AFTER_MS = 30_000

const ROTATE_LOG_EVERY_MS = 60_000

/**
 * Restarts Postgres whenever it exits without being stopped, with backoff and without limit, so that the server survives
 * a crash of its database. `stop()` ends Postgres permanently, also during a restart; each call resolves when Postgres
 * has exited.
 */
export function supervise({ first, relaunch, logFile, log }: SuperviseOptions): { stop: () => Promise<void> } {
  const stopping = new AbortController()
  const stopRequested = new Promise<'stop requested'>((resolve) => {
    stopping.signal.addEventListener('abort', () => resolve('stop requested'))
  })
  const rotationTimer = setInterval(() => {
    rotateLog(logFile).catch((error: unknown) => log('cannot rotate the log of the embedded Postgres', { error: String(error) }))
  }, ROTATE_LOG_EVERY_MS).unref()

  const keepRunning = async (): Promise<void> => {
    let postmaster: Postmaster | null = first
    let backoffMs = MIN_BACKOFF_MS
    while (postmaster !== null) {
      const since = performance.now()
      const exit = await Promise.race([stopRequested, postmaster.exited])
      if (stopping.signal.aborted) return stopPostmaster(postmaster, log)
      if (performance.now() - since > HEALTHY_AFTER_MS) backoffMs = MIN_BACKOFF_MS
      log('embedded Postgres exited unexpectedly; restarting', { pid: postmaster.child.pid, how: exit })
      postmaster = await restart()
    }

    async function restart(): Promise<Postmaster | null> {
      for (;;) {
        try {
          await sleep(backoffMs, undefined, { signal: stopping.signal, ref: false })
          backoffMs = Math.min(backoffMs * 2, MAX_BACKOFF_MS)
          const next = await relaunch(stopping.signal)
          log('Postgres runs again', { pid: next.child.pid })
          return next
        } catch (error) {
          if (stopping.signal.aborted) return null
          log('restart of the embedded Postgres failed; retrying', { error: String(error), nextTryInMs: backoffMs })
        }
      }
    }
  }

  const running = keepRunning()
  return {
    stop: async () => {
      clearInterval(rotationTimer)
      stopping.abort()
      await running
    },
  }
}
