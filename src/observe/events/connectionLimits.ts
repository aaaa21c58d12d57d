import { refuse } from '../../platform/kernel/errors.ts'

/** Streams and sockets that one process serves at once: about 30 KB each when their readers are slow. */
const MAX_PER_PROCESS = 1000
/** A board with every tab open, and every agent of a big company. */
const MAX_PER_COMPANY = 200
/** One agent must not take the seats of all others. */
const MAX_PER_AGENT = 16
const RETRY_AFTER_S = 5

/** How many follow along, and how many may. */
export interface ConnectionLimits {
  /**
   * Takes a seat.
   * @param agentId null for a person
   * @returns the way to give it back, which may be called more than once
   * @throws Refusal `too_many_streams`
   */
  acquire(companyId: string, agentId: string | null): () => void
  readonly openCount: () => number
}

export function createConnectionLimits(
  limits: { readonly perProcess?: number; readonly perCompany?: number; readonly perAgent?: number } = {},
): ConnectionLimits {
  const counts = new Map<string, number>()
  const countOf = (key: string): number => counts.get(key) ?? 0
  const add = (key: string, by: 1 | -1): void => {
    const count = countOf(key) + by
    if (count === 0) counts.delete(key)
    else counts.set(key, count)
  }
  return {
    acquire(companyId, agentId) {
      const bounds: [of: string, most: number][] = [
        ['process', limits.perProcess ?? MAX_PER_PROCESS],
        [`company ${companyId}`, limits.perCompany ?? MAX_PER_COMPANY],
        ...(agentId === null ? [] : ([[`agent ${agentId}`, limits.perAgent ?? MAX_PER_AGENT]] as [string, number][])),
      ]
      if (bounds.some(([key, max]) => countOf(key) >= max)) refuse('too_many_streams', { retryAfter: RETRY_AFTER_S })
      for (const [key] of bounds) add(key, 1)
      let isOpen = true
      return () => {
        if (!isOpen) return
        isOpen = false
        for (const [key] of bounds) add(key, -1)
      }
    },
    openCount: () => countOf('process'),
  }
}
