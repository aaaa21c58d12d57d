import type { Query, QueryClient } from '@tanstack/react-query'
import { inBackground } from './background.ts'

/** A read is not read again sooner than this after it was, so that a hundred events in a second cost one request. */
const MIN_PAUSE_MS = 1000
/** How much longer than a read took the pause after it is: a long list is read again for a tenth of the time at most. */
const PAUSE_FACTOR = 9

const pause = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms))

interface Work {
  /** The read has become old again since it was last asked for. */
  isOld: boolean
}

async function readAgain(queries: QueryClient, hash: string): Promise<void> {
  const query = queries.getQueryCache().get(hash)
  if (query?.isActive() !== true) return
  await queries.refetchQueries({ queryKey: query.queryKey, exact: true })
}

/** An answer that is on its way may be older than the event, so it is waited for, and the read is read once more. */
const settled = async (queries: QueryClient, hash: string): Promise<void> => {
  await queries
    .getQueryCache()
    .get(hash)
    ?.promise?.catch(() => null)
}

/**
 * Makes a function that reads an old read again: at once the first time, and then only as often as its cost allows. The last state is
 * always read. A read that no page shows is marked, and read when it is shown.
 */
export function createFreshener(queries: QueryClient): (query: Query) => void {
  const works = new Map<string, Work>()
  const freshen = async (hash: string, work: Work): Promise<void> => {
    while (work.isOld) {
      await settled(queries, hash)
      work.isOld = false
      const start = performance.now()
      await readAgain(queries, hash)
      await pause(Math.max(MIN_PAUSE_MS, (performance.now() - start) * PAUSE_FACTOR))
    }
    works.delete(hash)
  }
  return (query) => {
    query.invalidate()
    if (!query.isActive()) return
    const running = works.get(query.queryHash)
    if (running !== undefined) {
      running.isOld = true
      return
    }
    const work = { isOld: true }
    works.set(query.queryHash, work)
    inBackground(freshen(query.queryHash, work))
  }
}
