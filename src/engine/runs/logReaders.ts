import { setTimeout as sleep } from 'node:timers/promises'
import type { Store } from '../../platform/db/types.ts'

/** Who follows a run asks again about this soon: the public command line does so five times a second. */
const READER_TIMEOUT_MS = 500
/** The longest that readers may keep a run from ending; at 16 KiB each time the command line reads some 350 KiB in it. */
const MAX_WAIT_MS = 5000
const POLL_INTERVAL_MS = 20
/** Runs whose readers are remembered; beyond it the oldest are forgotten, and then nobody waits for them. */
const MAX_TRACKED_RUNS = 1000

interface ReadPosition {
  readonly offset: number
  /** When it last got on, by this process's clock. */
  readonly advancedAt: number
}

const positionsByStore = new WeakMap<Store, Map<string, ReadPosition>>()

/**
 * Remembers how far somebody has read the log of a run. In memory: a hint by which nothing is decided, and which only the
 * server that supervises the run has any use for.
 * @param offset the byte behind the last one read; 0 for whoever is about to begin
 * @param isAtEnd whether there was no more to read at that time
 */
export function recordReadPosition(store: Store, runId: string, offset: number, isAtEnd: boolean): void {
  const positions = positionsByStore.get(store) ?? new Map<string, ReadPosition>()
  positionsByStore.set(store, positions)
  const previous = positions.get(runId)
  const hasAdvanced = isAtEnd || previous === undefined || offset > previous.offset
  // Set anew, so that the first of the map is the one that nobody has asked about for longest.
  positions.delete(runId)
  positions.set(runId, { offset, advancedAt: hasAdvanced ? performance.now() : previous.advancedAt })
  const [oldest] = positions.keys()
  if (positions.size > MAX_TRACKED_RUNS && oldest !== undefined) positions.delete(oldest)
}

/**
 * Lets whoever follows a run read its log to the end. The public command line asks for the log only until it sees that the
 * run is over, so a run that ends at once after its last words keeps them from it.
 * @param bytes the whole log
 * @param isWanted whether there is still a reason to wait
 * @returns when everything is read, nobody asks any more, or it takes too long; at once where nobody reads
 */
export async function waitForReaders(store: Store, runId: string, bytes: number, isWanted: () => boolean): Promise<void> {
  const deadline = performance.now() + MAX_WAIT_MS
  for (; isWanted() && performance.now() < deadline; await sleep(POLL_INTERVAL_MS)) {
    const position = positionsByStore.get(store)?.get(runId)
    if (position === undefined || position.offset >= bytes || performance.now() - position.advancedAt > READER_TIMEOUT_MS) break
  }
  positionsByStore.get(store)?.delete(runId)
}
