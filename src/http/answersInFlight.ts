// Answers that were written and that their readers have not taken yet, in bytes, per caller and in this process.

import type { ServerResponse } from 'node:http'
import { Refusal } from '../platform/kernel/errors.ts'

/** Smaller answers are not counted: a connection has one at a time, and the number of connections is limited. */
const COUNTED_BYTES = 32 * 1024
/** When the caller may try again: a reader that takes nothing is cut after 30 seconds. */
const RETRY_AFTER_S = 5

/** Budgets of unread answers, in bytes. */
export interface AnswerBudgets {
  readonly perProcess: number
  /** Of one agent. */
  readonly perAgent: number
  /** Of all people together: what agents cannot take from them is the rest of the process's. */
  readonly people: number
}

/** The budgets for so many bytes in the process: an agent has an eighth, and people have half of their own. */
export const answerBudgetsOf = (perProcess: number): AnswerBudgets => ({
  perProcess,
  perAgent: Math.ceil(perProcess / 8),
  people: Math.ceil(perProcess / 2),
})

/** The caller that answers are for. */
export interface Reader {
  readonly key: string
  readonly isAgent: boolean
}

export interface AnswersInFlight {
  /**
   * Refuses a caller whose readers have not taken what they asked for, before more is loaded or anything is written.
   * @param bytes that the answer may have
   * @throws Refusal `answers_unread`, `busy`
   */
  requireRoom(reader: Reader, bytes: number): void
  /**
   * Counts an answer until its reader has taken it or is gone. Call it before the answer is sent.
   * @param mayRefuse false for the answer of a write, which has had its effect
   * @throws Refusal `answers_unread`, `busy` when it does not fit
   */
  count(reader: Reader, response: ServerResponse, bytes: number, mayRefuse: boolean): void
  /** Bytes in flight in this process. */
  readonly bytes: () => number
  /** Answers that were refused since the start. */
  readonly refusedCount: () => number
}

export function createAnswersInFlight(budgets: AnswerBudgets): AnswersInFlight {
  const byReader = new Map<string, number>()
  let agentBytes = 0
  let peopleBytes = 0
  let refused = 0

  function refuseOver(code: 'answers_unread' | 'busy'): never {
    refused += 1
    throw new Refusal(code, { retryAfter: RETRY_AFTER_S })
  }

  function requireBytes({ key, isAgent }: Reader, bytes: number): void {
    // A reader without anything in flight gets its answer, however large, unless the process is full.
    const own = isAgent ? (byReader.get(key) ?? 0) : peopleBytes
    if (own > 0 && own + bytes > (isAgent ? budgets.perAgent : budgets.people)) refuseOver('answers_unread')
    // Agents share what is not kept for people.
    const all = isAgent ? agentBytes + bytes > budgets.perProcess - budgets.people : peopleBytes + agentBytes + bytes > budgets.perProcess
    if (all) refuseOver('busy')
  }

  function add({ key, isAgent }: Reader, bytes: number): void {
    if (isAgent) agentBytes += bytes
    else peopleBytes += bytes
    const total = (byReader.get(key) ?? 0) + bytes
    if (total === 0) byReader.delete(key)
    else byReader.set(key, total)
  }

  return {
    requireRoom(reader, bytes) {
      if (agentBytes + peopleBytes > 0) requireBytes(reader, bytes)
    },
    count(reader, response, bytes, mayRefuse) {
      if (bytes < COUNTED_BYTES) return
      const { socket } = response.req
      if (socket.destroyed) return
      if (mayRefuse) requireBytes(reader, bytes)
      add(reader, bytes)
      const release = (): void => {
        response.off('finish', release)
        socket.off('close', release)
        add(reader, -bytes)
      }
      response.once('finish', release)
      // The socket's: an answer that waits behind another one of its connection is never closed itself.
      socket.once('close', release)
    },
    bytes: () => agentBytes + peopleBytes,
    refusedCount: () => refused,
  }
}
