import type { Actor } from '../platform/kernel/actor.ts'
import { actorKeyOf } from '../platform/kernel/actor.ts'
import { answerBudgetsOf, createAnswersInFlight } from './answersInFlight.ts'
import type { AnswerBudgets, AnswersInFlight, Reader } from './answersInFlight.ts'
import { createPageLanes } from './pageLanes.ts'
import type { PageLanes } from './pageLanes.ts'
import { connectionRulesOf, createConnections } from './connections.ts'
import type { ConnectionRules, Connections } from './connections.ts'

/** The bounds of the callers of one process: connections, answers that are not read, and pages in the making. */
export interface Traffic {
  readonly connections: Connections
  readonly answers: AnswersInFlight
  readonly pages: PageLanes
}

/** Limits that differ from the defaults. */
export interface TrafficLimits {
  readonly connections?: Partial<ConnectionRules>
  readonly answers?: Partial<AnswerBudgets>
}

/** Connections that a process serves at once: event streams, agents, and people. Each costs about 30 KB. */
export const MAX_CONNECTIONS = 2000
/** Bytes of answers that wait in this process for their readers. */
export const MAX_UNREAD_BYTES = 128 * 1024 * 1024

/** The bounds of a process. @param limits those that differ from the defaults */
export function createTraffic(limits: TrafficLimits = {}): Traffic {
  return {
    connections: createConnections({ ...connectionRulesOf(limits.connections?.max ?? MAX_CONNECTIONS), ...limits.connections }),
    answers: createAnswersInFlight({ ...answerBudgetsOf(limits.answers?.perProcess ?? MAX_UNREAD_BYTES), ...limits.answers }),
    pages: createPageLanes(),
  }
}

/** The caller as the reader of answers. */
export const readerOf = (actor: Actor): Reader => ({ key: actorKeyOf(actor), isAgent: actor.kind === 'agent' })
