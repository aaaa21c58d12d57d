import type { Store } from '../../platform/db/types.ts'
import type { Log } from '../../platform/kernel/log.ts'
import type { HeadFile } from './heads.ts'
import { createHeadRecorder } from './headRecorder.ts'
import { sealPending } from './seal.ts'

/** How often a server looks for rows to seal; two looks and a batch stay below the 2 s that I7 allows. */
export const SEAL_INTERVAL_MS = 1000

/**
 * The duty that seals: one query a second while nothing happens. Any number of servers may have it; each writes the heads
 * of all chains to its own file.
 * @returns the duty's turn, which says how many rows it sealed
 */
export function createSealer(store: Store, heads: HeadFile, log: Log): () => Promise<number> {
  const headRecorder = createHeadRecorder(store, heads, log)
  let hasWarned = false
  return async () => {
    const { rows, mark, isAhead } = await sealPending(store)
    if (isAhead && !hasWarned) {
      hasWarned = true
      log.error({ txid: mark?.txid }, 'the transaction counter of this database lies behind the sealed audit log: nothing can be sealed')
    }
    await headRecorder.record(mark)
    return rows
  }
}
