// Agents take connections of a pool in a lane that is narrower than the pool, so that people always get one (decision 0046).

import { Refusal } from '../kernel/errors.ts'
import { createWaitingLine } from '../kernel/waitingLine.ts'
import { QUEUE_TIMEOUT_MS } from './driver/client.ts'

/**
 * Lets a bounded number of works have a connection at once. A work with a place must not wait for another one: that is the rule
 * of connections, too.
 */
export interface Lane {
  /**
   * Calls `work` when it has a place, in the order of the calls. @throws Refusal `busy` without a place after the time that one waits for a
   * connection; and what `work` throws
   */
  run<T>(work: () => Promise<T>): Promise<T>
}

/** A lane without a bound: people's, and that of the server itself. */
export const openLane: Lane = { run: (work) => work() }

const AGENTS_SHARE = 3 / 4

/** The places of agents in a pool of `size` connections: three quarters, and at least one. */
export const agentPlaces = (size: number): number => Math.max(1, Math.floor(size * AGENTS_SHARE))

/** A lane of `places`. p-limit is not used, because a work that waits in it cannot give up its turn. */
export function createLane(places: number, waitMs = QUEUE_TIMEOUT_MS): Lane {
  let taken = 0
  const waiting = createWaitingLine<() => void>()

  const waitForPlace = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        waiting.leave(place)
        reject(new Refusal('busy', { retryAfter: 1 }))
      }, waitMs)
      const enter = (): void => {
        clearTimeout(timer)
        resolve()
      }
      const place = waiting.add(enter)
    })

  /** The place goes to the first who waits, and stays taken. */
  const leave = (): void => {
    const next = waiting.take()
    if (next === undefined) taken -= 1
    else next()
  }

  return {
    async run(work) {
      if (taken < places) taken += 1
      else await waitForPlace()
      try {
        return await work()
      } finally {
        leave()
      }
    },
  }
}
