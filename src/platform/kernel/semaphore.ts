/** A limit on how many slots that carry `key` are taken at once. */
export interface SlotLimit {
  readonly key: string
  readonly max: number
}

/** Counts slots that are taken, under any number of keys. */
export interface Semaphore {
  /**
   * Takes one slot under every key, or none when one of the limits is reached.
   * @returns the function that releases the slot, which may be called more than once; null when a limit is reached
   */
  tryAcquire(limits: readonly SlotLimit[]): (() => void) | null
  /** How many slots are taken under a key. */
  countOf(key: string): number
}

export function createSemaphore(): Semaphore {
  const counts = new Map<string, number>()
  const countOf = (key: string): number => counts.get(key) ?? 0
  const add = (key: string, change: 1 | -1): void => {
    const count = countOf(key) + change
    // A key without slots is deleted, so the map does not grow with every client that ever came.
    if (count === 0) counts.delete(key)
    else counts.set(key, count)
  }
  return {
    tryAcquire(limits) {
      if (limits.some(({ key, max }) => countOf(key) >= max)) return null
      for (const { key } of limits) add(key, 1)
      let isTaken = true
      return () => {
        if (!isTaken) return
        isTaken = false
        for (const { key } of limits) add(key, -1)
      }
    },
    countOf,
  }
}
