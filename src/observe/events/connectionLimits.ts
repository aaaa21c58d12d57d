import { refuse } from '../../platform/kernel/errors.ts'
import { createSemaphore } from '../../platform/kernel/semaphore.ts'

/** Event streams and WebSockets that one process serves at once: about 30 KB each when their clients are slow. */
const MAX_PER_PROCESS = 1000
/** Enough for a board with many tabs and for every agent of a big company. */
const MAX_PER_COMPANY = 200
/** Of these, what agents cannot take together: people follow a company whose agents hold every other connection. */
const RESERVED_FOR_PEOPLE = 0.25
/** One agent must not use up the connections of its company. */
const MAX_PER_AGENT = 16
const RETRY_AFTER_S = 5

/** Limits how many event streams and WebSockets are open at once. */
export interface ConnectionLimits {
  /**
   * Takes a connection slot.
   * @param agentId null for a person
   * @returns the function that releases the slot, which may be called more than once
   * @throws Refusal `too_many_streams`
   */
  acquire(companyId: string, agentId: string | null): () => void
  readonly openCount: () => number
}

export interface MaxConnections {
  readonly perProcess?: number
  readonly perCompany?: number
  readonly perAgent?: number
}

export function createConnectionLimits(max: MaxConnections = {}): ConnectionLimits {
  const slots = createSemaphore()
  return {
    acquire(companyId, agentId) {
      const perProcess = max.perProcess ?? MAX_PER_PROCESS
      const perCompany = max.perCompany ?? MAX_PER_COMPANY
      const release = slots.tryAcquire([
        { key: 'process', max: perProcess },
        { key: `company ${companyId}`, max: perCompany },
        ...(agentId === null
          ? []
          : [
              { key: 'agents', max: Math.floor(perProcess * (1 - RESERVED_FOR_PEOPLE)) },
              { key: `agents of ${companyId}`, max: Math.floor(perCompany * (1 - RESERVED_FOR_PEOPLE)) },
              { key: `agent ${agentId}`, max: max.perAgent ?? MAX_PER_AGENT },
            ]),
      ])
      return release ?? refuse('too_many_streams', { retryAfter: RETRY_AFTER_S })
    },
    openCount: () => slots.countOf('process'),
  }
}
