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

/** The first wait is short because most deaths are single; the longest is what a server may be late once the cause is gone. */
const MIN_BACKOFF_MS = 100
const MAX_BACKOFF_MS = 5_000

/** One that has run this long did not die of how it was started, so the next wait is the first one again. */
const HEALTHY_AFTER_MS = 30_000

const ROTATE_LOG_EVERY_MS = 60_000

/**
 * Starts Postgres again whenever it ends unasked, forever, so that a server outlives its database's death. `stop()`
 * ends it for good, also in the middle of a restart; each call resolves when Postgres is gone.
 */
export function supervise({ first, relaunch, logFile, log }: SuperviseOptions): { stop: () => Promise<void> } {
  const stopping = new AbortController()
  const stopRequested = new Promise<'asked'>((resolve) => {
    stopping.signal.addEventListener('abort', () => resolve('asked'))
  })
  const rotationTimer = setInterval(() => {
    rotateLog(logFile).catch((error: unknown) => log('the log of Postgres cannot be shortened', { error: String(error) }))
  }, ROTATE_LOG_EVERY_MS).unref()

  const keepRunning = async (): Promise<void> => {
    let postmaster: Postmaster | null = first
    let backoffMs = MIN_BACKOFF_MS
    while (postmaster !== null) {
      const since = performance.now()
      const how = await Promise.race([stopRequested, postmaster.exited])
      if (stopping.signal.aborted) return stopPostmaster(postmaster, log)
      if (performance.now() - since > HEALTHY_AFTER_MS) backoffMs = MIN_BACKOFF_MS
      log('Postgres ended unasked', { pid: postmaster.child.pid, how })
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
          log('Postgres could not be started again', { error: String(error), nextTryInMs: backoffMs })
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
