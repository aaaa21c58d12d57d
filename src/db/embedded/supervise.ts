import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from './contract.ts'
import type { Postmaster } from './postmaster.ts'
import { shortenLog } from './logFile.ts'
import { end } from './postmaster.ts'

interface Supervised {
  readonly first: Postmaster
  /** Starts another postmaster with the same connection options; rejects when that fails or the signal is aborted. */
  readonly relaunch: (signal: AbortSignal) => Promise<Postmaster>
  readonly logFile: string
  readonly log: Log
}

/** The first wait is short because most deaths are single; the longest is what a server may be late once the cause is gone. */
const FIRST_WAIT_MS = 100
const LONGEST_WAIT_MS = 5_000

/** One that has run this long did not die of how it was started, so the next wait is the first one again. */
const HEALTHY_AFTER_MS = 30_000

const SHORTEN_LOG_EVERY_MS = 60_000

/**
 * Starts Postgres again whenever it ends unasked, forever, so that a server outlives its database's death. `stop()`
 * ends it for good, also in the middle of a restart; each call resolves when Postgres is gone.
 */
export function supervise({ first, relaunch, logFile, log }: Supervised): { stop: () => Promise<void> } {
  const stopping = new AbortController()
  const asked = new Promise<'asked'>((resolve) => {
    stopping.signal.addEventListener('abort', () => resolve('asked'))
  })
  const shortening = setInterval(() => {
    shortenLog(logFile).catch((error: unknown) => log('the log of Postgres cannot be shortened', { error: String(error) }))
  }, SHORTEN_LOG_EVERY_MS).unref()

  const keepRunning = async (): Promise<void> => {
    let postmaster: Postmaster | null = first
    let waitMs = FIRST_WAIT_MS
    while (postmaster !== null) {
      const since = performance.now()
      const how = await Promise.race([asked, postmaster.exited])
      if (stopping.signal.aborted) return end(postmaster, log)
      if (performance.now() - since > HEALTHY_AFTER_MS) waitMs = FIRST_WAIT_MS
      log('Postgres ended unasked', { pid: postmaster.child.pid, how })
      postmaster = await again()
    }

    async function again(): Promise<Postmaster | null> {
      for (;;) {
        try {
          await sleep(waitMs, undefined, { signal: stopping.signal, ref: false })
          waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS)
          const next = await relaunch(stopping.signal)
          log('Postgres runs again', { pid: next.child.pid })
          return next
        } catch (error) {
          if (stopping.signal.aborted) return null
          log('Postgres could not be started again', { error: String(error), nextTryInMs: waitMs })
        }
      }
    }
  }

  const running = keepRunning()
  return {
    stop: async () => {
      clearInterval(shortening)
      stopping.abort()
      await running
    },
  }
}
