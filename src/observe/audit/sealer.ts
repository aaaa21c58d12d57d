import type { Store } from '../../platform/db/types.ts'
import type { Log } from '../../platform/kernel/log.ts'
import type { HeadFile } from './heads.ts'
import { createHeadRecorder } from './headRecorder.ts'
import { createPendingSealer } from './seal.ts'
import { openTimeline } from './timelines.ts'
import { createWitness } from './witness.ts'

/** How often a server searches for rows to seal. Two intervals and a batch stay below the 2 s that I7 allows. */
export const SEAL_INTERVAL_MS = 1000

/** The periodic task that seals. */
export interface Sealer {
  /** @returns how many rows it sealed */
  (): Promise<number>
  /** Whether every row up to a horizon of events is sealed, and the heads are recorded. */
  readonly isDone: (horizon: string) => boolean
}

/**
 * Creates the periodic task that seals: one query while no row is written, and none where the caller knows the horizon of events. Any
 * number of servers may run it; each writes the heads of all chains to its own file.
 */
export function createSealer(store: Store, heads: HeadFile, log: Log): Sealer {
  const witness = createWitness(store, heads, log)
  const headRecorder = createHeadRecorder(store, { file: heads, witness }, log)
  const sealPending = createPendingSealer(store)
  /** The acceptances up to which the heads are recorded; null before, and when that failed. */
  let recorded: number | null = null
  const seal = async (): Promise<number> => {
    recorded = null
    // Before the first row is sealed: so sealed rows without a witness are always a finding.
    await witness.open()
    const { rows, mark, isAhead } = await sealPending()
    // The counter was set back while this server worked. At a start it is looked at before the port opens.
    if (isAhead) {
      log.error({ ticket: mark?.txid }, 'the ticket counter of this database was set back: rows were written that cannot be sealed')
      await openTimeline(store, heads, log)
    }
    const { acceptances } = heads.state
    await headRecorder.record(mark)
    recorded = acceptances
    return rows
  }
  // An accepted witness has the heads recorded again.
  const isDone = (horizon: string): boolean => recorded === heads.state.acceptances && sealPending.isDone(horizon)
  return Object.assign(seal, { isDone })
}
