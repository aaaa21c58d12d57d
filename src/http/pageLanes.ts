// The pages of lists that one agent asks for at once are loaded a few at a time, so that a burst takes neither everybody's time nor memory.

import limitOf from 'p-limit'
import type { LimitFunction } from 'p-limit'
import type { Reader } from './answersInFlight.ts'

/** Pages that one agent may have in the making. Further ones wait: their number is limited by that of its connections. */
const PAGES_AT_ONCE = 2

export interface PageLanes {
  /** Calls `work` as soon as fewer than `PAGES_AT_ONCE` other works of this agent go on; a person's at once. */
  run<T>(reader: Reader, work: () => Promise<T>): Promise<T>
}

export function createPageLanes(): PageLanes {
  const lanes = new Map<string, LimitFunction>()
  return {
    async run({ key, isAgent }, work) {
      if (!isAgent) return await work()
      const lane = lanes.get(key) ?? limitOf(PAGES_AT_ONCE)
      lanes.set(key, lane)
      try {
        return await lane(work)
      } finally {
        if (lane.activeCount + lane.pendingCount === 0) lanes.delete(key)
      }
    },
  }
}
