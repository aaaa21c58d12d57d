import { isConnectionFailure } from '../platform/db/databaseErrors.ts'
import type { LineHold, Log } from '../platform/kernel/log.ts'

/** How often a database that is away is asked again. */
const PROBE_INTERVAL_MS = 500
/** Lines that wait for one probe. Further ones are written at once. */
const MAX_WAITING = 1000
const FATAL = 60

export interface OutageDeps {
  /** Whether the database answers; never rejects. */
  readonly probe: () => Promise<boolean>
  readonly log: Log
}

/** The outages of the database, as the log shows them: one line at the beginning and one at the end. */
export interface Outage {
  /** Holds back the lines that follow from an outage. Without an outage each is written as soon as a probe has shown that. */
  readonly hold: LineHold
  /** Notes that another part of the server has found the database silent. */
  readonly begin: () => void
  /** Ends the watch: every line is written from now on. */
  readonly stop: () => void
}

/** Whether a line says that the database could not be reached. */
function isAboutDatabase(facts: unknown): boolean {
  if (typeof facts !== 'object' || facts === null) return false
  const { err, code, refusal } = facts as { readonly err?: unknown; readonly code?: unknown; readonly refusal?: unknown }
  return code === 'unavailable' || refusal === 'unavailable' || (err !== undefined && isConnectionFailure(err))
}

/**
 * Without it each request, each periodic task and each run would write lines for as long as the database is away. A lost
 * connection is no outage: a probe decides, and until it has answered the lines wait. At `debug` nothing is held back.
 */
export function createOutage({ probe, log }: OutageDeps): Outage {
  let waiting: (() => void)[] = []
  let downSince: number | null = null
  let isChecking = false
  let isStopped = false
  let timer: NodeJS.Timeout | undefined

  const writeWaiting = (): void => {
    const lines = waiting
    waiting = []
    for (const write of lines) write()
  }
  const begin = (): void => {
    if (downSince !== null || isStopped) return
    downSince = performance.now()
    waiting = []
    log.error('the database does not answer: requests are refused until it does')
    timer = setTimeout(lookAgain, PROBE_INTERVAL_MS)
  }
  const lookAgain = (): void =>
    void probe().then((answers) => {
      if (isStopped || downSince === null) return
      if (!answers) {
        timer = setTimeout(lookAgain, PROBE_INTERVAL_MS)
        return
      }
      log.info({ seconds: Math.round((performance.now() - downSince) / 1000) }, 'the database answers again')
      downSince = null
    })
  const check = async (): Promise<void> => {
    isChecking = true
    const answers = await probe().finally(() => (isChecking = false))
    if (answers || isStopped) writeWaiting()
    else begin()
  }

  return {
    hold(facts, level, write) {
      if (isStopped || level >= FATAL || !isAboutDatabase(facts) || waiting.length >= MAX_WAITING) return write()
      if (downSince !== null) return log.isLevelEnabled('debug') ? write() : undefined
      waiting.push(write)
      // A probe that fails decides nothing, so nothing is held back.
      if (!isChecking) check().catch(writeWaiting)
    },
    begin,
    stop() {
      isStopped = true
      clearTimeout(timer)
      writeWaiting()
    },
  }
}
