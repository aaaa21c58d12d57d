import { refuse } from '../kernel/errors.ts'

/** Streams and sockets that one process serves at once: about 30 KB each when their readers are slow. */
const MOST_PER_PROCESS = 1000
/** A board with every tab open, and every agent of a big company. */
const MOST_PER_COMPANY = 200
/** One agent must not take the seats of all others. */
const MOST_PER_AGENT = 16
const COME_BACK_S = 5

/** How many follow along, and how many may. */
export interface Seats {
  /**
   * Takes a seat.
   * @param agentId null for a person
   * @returns the way to give it back, which may be called more than once
   * @throws Refusal `too_many_streams`
   */
  take(companyId: string, agentId: string | null): () => void
  readonly taken: () => number
}

export function createSeats(most: { readonly perProcess?: number; readonly perCompany?: number; readonly perAgent?: number } = {}): Seats {
  const counts = new Map<string, number>()
  const countOf = (of: string): number => counts.get(of) ?? 0
  const add = (of: string, by: 1 | -1): void => {
    const count = countOf(of) + by
    if (count === 0) counts.delete(of)
    else counts.set(of, count)
  }
  return {
    take(companyId, agentId) {
      const limits: [of: string, most: number][] = [
        ['process', most.perProcess ?? MOST_PER_PROCESS],
        [`company ${companyId}`, most.perCompany ?? MOST_PER_COMPANY],
        ...(agentId === null ? [] : ([[`agent ${agentId}`, most.perAgent ?? MOST_PER_AGENT]] as [string, number][])),
      ]
      if (limits.some(([of, limit]) => countOf(of) >= limit)) refuse('too_many_streams', { retryAfter: COME_BACK_S })
      for (const [of] of limits) add(of, 1)
      let isTaken = true
      return () => {
        if (!isTaken) return
        isTaken = false
        for (const [of] of limits) add(of, -1)
      }
    },
    taken: () => countOf('process'),
  }
}
