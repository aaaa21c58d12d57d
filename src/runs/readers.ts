import { setTimeout as sleep } from 'node:timers/promises'
import type { Store } from '../db/store.ts'

/** Who follows a run asks again about this soon: the public command line does so five times a second. */
const AGAIN_MS = 500
/** The longest that readers may keep a run from ending; at 16 KiB each time the command line reads some 350 KiB in it. */
const MOST_MS = 5000
const LOOK_MS = 20
/** Runs whose readers are remembered; beyond it the oldest are forgotten, and then nobody waits for them. */
const MOST_RUNS = 1000

interface Reading {
  readonly offset: number
  /** When it last got on, by this process's clock. */
  readonly movedAt: number
}

const readings = new WeakMap<Store, Map<string, Reading>>()

/**
 * Remembers how far somebody has read the log of a run. In memory: a hint by which nothing is decided, and which only the
 * server that supervises the run has any use for.
 * @param offset the byte behind the last one read; 0 for whoever is about to begin
 * @param isAtEnd whether there was no more to read at that time
 */
export function noteReader(store: Store, runId: string, offset: number, isAtEnd: boolean): void {
  const known = readings.get(store) ?? new Map<string, Reading>()
  readings.set(store, known)
  const before = known.get(runId)
  const hasMoved = isAtEnd || before === undefined || offset > before.offset
  // Set anew, so that the first of the map is the one that nobody has asked about for longest.
  known.delete(runId)
  known.set(runId, { offset, movedAt: hasMoved ? performance.now() : before.movedAt })
  const [oldest] = known.keys()
  if (known.size > MOST_RUNS && oldest !== undefined) known.delete(oldest)
}

/**
 * Lets whoever follows a run read its log to the end. The public command line asks for the log only until it sees that the
 * run is over, so a run that ends at once after its last words keeps them from it.
 * @param bytes the whole log
 * @param isWanted whether there is still a reason to wait
 * @returns when everything is read, nobody asks any more, or it takes too long; at once where nobody reads
 */
export async function readToTheEnd(store: Store, runId: string, bytes: number, isWanted: () => boolean): Promise<void> {
  const deadline = performance.now() + MOST_MS
  for (; isWanted() && performance.now() < deadline; await sleep(LOOK_MS)) {
    const reading = readings.get(store)?.get(runId)
    if (reading === undefined || reading.offset >= bytes || performance.now() - reading.movedAt > AGAIN_MS) break
  }
  readings.get(store)?.delete(runId)
}
