// How many endpoints of one process are read and sent at once, and in which order they get their turn.

import { createSemaphore } from '../../platform/kernel/semaphore.ts'
import type { SlotLimit } from '../../platform/kernel/semaphore.ts'

/** Requests of one process at once, and batches of events in its memory, of 256 KB each. */
const MAX_AT_ONCE = 64
/** One company cannot take what others wait for. */
const MAX_PER_COMPANY = 8
/** Endpoints whose last request was slow or failed share a part of the places, so that those whose receivers answer always find some. */
const MAX_SLOW = 40

/** The owner of a place. */
export interface Visitor {
  readonly companyId: string
  readonly isSlow: boolean
}

/** Places, in the order of asking, but for those whose limit is reached. */
export interface Slots {
  /** @returns the function that gives the place back; null when the signal was aborted before there was one */
  acquire(visitor: Visitor, signal: AbortSignal): Promise<(() => void) | null>
  readonly isContended: () => boolean
}

const limitsOf = ({ companyId, isSlow }: Visitor): SlotLimit[] => [
  { key: 'all', max: MAX_AT_ONCE },
  { key: companyId, max: MAX_PER_COMPANY },
  ...(isSlow ? [{ key: 'slow', max: MAX_SLOW }] : []),
]

export function createSlots(): Slots {
  const semaphore = createSemaphore()
  const waiting = new Set<() => boolean>()
  const admit = (): void => {
    for (const enter of waiting) if (enter()) waiting.delete(enter)
  }
  const tryEnter = (visitor: Visitor): (() => void) | null => {
    const release = semaphore.tryAcquire(limitsOf(visitor))
    return (
      release &&
      (() => {
        release()
        admit()
      })
    )
  }
  return {
    isContended: () => waiting.size > 0,
    async acquire(visitor, signal) {
      if (signal.aborted) return null
      const place = tryEnter(visitor)
      if (place !== null) return place
      return await new Promise((resolve) => {
        const giveUp = (): void => {
          waiting.delete(enter)
          resolve(null)
        }
        const enter = (): boolean => {
          const found = tryEnter(visitor)
          if (found === null) return false
          signal.removeEventListener('abort', giveUp)
          resolve(found)
          return true
        }
        signal.addEventListener('abort', giveUp, { once: true })
        waiting.add(enter)
      })
    },
  }
}
