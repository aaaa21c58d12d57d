// Agents take connections of a pool in a lane that is narrower than the pool, so that people always get one, and each agent has a share
// of the lane that leaves room for others (decision 0046).

import { Refusal } from '../kernel/errors.ts'
import { QUEUE_TIMEOUT_MS } from './driver/client.ts'

/**
 * Lets a bounded number of works have a connection at once. A work with a place must not wait for another one: that is the rule
 * of connections, too.
 */
export interface Lane {
  /** Calls `work` when it has a place. @throws Refusal `busy` without a place after the time that one waits for a connection; and what `work` throws */
  run<T>(work: () => Promise<T>): Promise<T>
}

/** A lane without a bound: people's, and that of the server itself. */
export const openLane: Lane = { run: (work) => work() }

/** Whose works they are. */
export interface LaneOwner {
  readonly agentId: string
  readonly companyId: string
}

/** A lane that several owners share. */
export interface SharedLane {
  /**
   * The lane as one owner sees it. A free place goes to the agent that waits with the fewest places, of the company with the fewest;
   * among equals, in the order of the calls.
   */
  of(owner: LaneOwner): Lane
}

const AGENTS_SHARE = 3 / 4

/** The places of agents in a pool of `size` connections: three quarters, and at least one. */
export const agentPlaces = (size: number): number => Math.max(1, Math.floor(size * AGENTS_SHARE))

/** Of so many places, how many one agent has at most: half. Its slow statements leave the others to other agents. */
export const placesOfOneAgent = (places: number): number => Math.max(1, Math.floor(places / 2))

/** Of so many places, how many the agents of one company have at most: all but one. */
export const placesOfOneCompany = (places: number): number => Math.max(1, places - 1)

interface Waiting extends LaneOwner {
  readonly enter: () => void
}

/** Counts the places that are taken, in all and of each agent and company. */
function createPlaces(places: number) {
  let taken = 0
  const counts = new Map<string, number>()
  const of = (id: string): number => counts.get(id) ?? 0
  const add = (id: string, change: number): void => {
    const count = of(id) + change
    if (count === 0) counts.delete(id)
    else counts.set(id, count)
  }
  return {
    of,
    change({ agentId, companyId }: LaneOwner, by: 1 | -1): void {
      taken += by
      add(agentId, by)
      add(companyId, by)
    },
    isFreeFor: ({ agentId, companyId }: LaneOwner): boolean =>
      taken < places && of(agentId) < placesOfOneAgent(places) && of(companyId) < placesOfOneCompany(places),
  }
}

/** A lane of `places`. p-limit is not used, because a work that waits in it cannot give up its turn. */
export function createLane(places: number, waitMs = QUEUE_TIMEOUT_MS): SharedLane {
  const taken = createPlaces(places)
  const waiting = new Set<Waiting>()

  const waitForPlace = (owner: LaneOwner): Promise<void> =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        waiting.delete(turn)
        reject(new Refusal('busy', { retryAfter: 1 }))
      }, waitMs)
      const turn: Waiting = { ...owner, enter: () => (clearTimeout(timer), resolve()) }
      waiting.add(turn)
    })

  /** The agent that waits, may enter, and has the fewest places. */
  const nextInTurn = (): Waiting | undefined => {
    let next: Waiting | undefined
    const comesBefore = (one: Waiting, other: Waiting): boolean =>
      (taken.of(one.companyId) - taken.of(other.companyId) || taken.of(one.agentId) - taken.of(other.agentId)) < 0
    for (const each of waiting) if (taken.isFreeFor(each) && (next === undefined || comesBefore(each, next))) next = each
    return next
  }

  /** One place that becomes free lets at most one work enter: none of those that wait could have entered before. */
  const leave = (owner: LaneOwner): void => {
    taken.change(owner, -1)
    const next = nextInTurn()
    if (next === undefined) return
    waiting.delete(next)
    taken.change(next, 1)
    next.enter()
  }

  return {
    of: (owner) => ({
      async run(work) {
        if (taken.isFreeFor(owner)) taken.change(owner, 1)
        else await waitForPlace(owner)
        try {
          return await work()
        } finally {
          leave(owner)
        }
      },
    }),
  }
}
