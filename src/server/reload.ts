import { setPrices } from '../engine/costs/prices.ts'
import type { Log } from '../platform/kernel/log.ts'
import { readPrices } from './pricesFile.ts'

/** The files that can be read again while the server works. */
interface Reloadable {
  /** The file with the prices of models; null for none. */
  readonly pricesFile: string | null
  /** Opens the file of the log again. @throws the error of the system */
  readonly reopenLog: () => void
}

/**
 * Opens the log again, and reads again the files whose change needs no restart. A fault in them is logged, and the values of before stay
 * in force: a slip must not end a server at work.
 */
export function reload({ pricesFile, reopenLog }: Reloadable, log: Log): void {
  try {
    reopenLog()
  } catch (error) {
    log.error({ err: error }, 'the log file cannot be opened again: the lines go on into the file of before')
  }
  const prices = readPrices(pricesFile ?? undefined)
  if ('problems' in prices)
    log.error({ problems: prices.problems }, 'the file of prices was changed and cannot be used: those of before are used')
  else setPrices(prices.prices)
  log.info('SIGHUP: the log was opened again, and the prices were read again')
}
