import { setTimeout as sleep } from 'node:timers/promises'
import type { Store } from '../../platform/db/types.ts'
import { createBoundedCache } from '../../platform/kernel/boundedCache.ts'
import type { BoundedCache } from '../../platform/kernel/boundedCache.ts'

/** A client that follows a run asks again within this time: the public command line does so five times a second. */
const READER_TIMEOUT_MS = 500
/** The longest that readers may delay the end of a run; at 16 KiB each time the command line reads some 350 KiB in it. */
const MAX_WAIT_MS = 5000
const POLL_INTERVAL_MS = 20
/** Runs whose readers are remembered. Beyond it the oldest are forgotten, and their runs end without a wait. */
const MAX_TRACKED_RUNS = 1000

interface ReadPosition {
  readonly offset: number
  /** When the reader last advanced, by this process's clock. */
  readonly advancedAt: number
}

const positionsByStore = new WeakMap<Store['counts'], BoundedCache<string, ReadPosition>>()

/**
 * Remembers how far a client has read the log of a run. In memory: a hint that decides nothing and that only the server
 * which supervises the run uses.
 * @param offset the byte after the last one read; 0 for a reader that is about to begin
 * @param isAtEnd whether there was no more to read at that time
 */
export function recordReadPosition(store: Store, runId: string, offset: number, isAtEnd: boolean): void {
  const positions = positionsByStore.get(store.counts) ?? createBoundedCache<string, ReadPosition>(MAX_TRACKED_RUNS)
  positionsByStore.set(store.counts, positions)
  const previous = positions.get(runId)
  const hasAdvanced = isAtEnd || previous === undefined || offset > previous.offset
  positions.set(runId, { offset, advancedAt: hasAdvanced ? performance.now() : previous.advancedAt })
}

/**
 * Delays the end of a run until its readers have read the whole log. The public command line asks for the log only until
 * it sees that the run has ended, so a run that ends directly after its last output would hide that output from it.
 * @param bytes the size of the whole log
 * @param isWanted whether there is still a reason to wait
 * @returns when everything is read, no reader asks any more, or it takes too long; at once where there is no reader
 */
export async function waitForReaders(store: Store, runId: string, bytes: number, isWanted: () => boolean): Promise<void> {
  const deadline = performance.now() + MAX_WAIT_MS
  for (; isWanted() && performance.now() < deadline; await sleep(POLL_INTERVAL_MS)) {
    const position = positionsByStore.get(store.counts)?.get(runId)
    if (position === undefined || position.offset >= bytes || performance.now() - position.advancedAt > READER_TIMEOUT_MS) break
  }
  positionsByStore.get(store.counts)?.delete(runId)
}
