import { setTimeout as sleep } from 'node:timers/promises'
import type { SeededRandom } from '../testing/seededRandom.ts'
import type { Server } from './servers.ts'
import type { Findings } from './properties.ts'

/** Long enough for a request that waits for a lock; past this the server is taken for gone. */
const REQUEST_TIMEOUT_MS = 6000
/** A request is sent again until somebody answers it. */
const MAX_ATTEMPTS = 40
const RETRY_DELAY_MS = 100
/** Of the first tries, this part is given up before the answer can be there, as by a client that was killed. */
const ABANDON_RATE = 0.03
const ABANDON_AFTER_MS = 25

export interface Operation {
  /** What is done, by the name under which its audit is owed. */
  readonly name: string
  readonly method: 'POST' | 'PATCH'
  readonly path: string
  readonly body?: object
  /** The run or agent that asks; left out, the board does. */
  readonly token?: string
}

// Bodies differ by route.
// oxlint-disable-next-line typescript/no-explicit-any
export type Body = any

/** One request and what came of it. */
export interface CompletedOperation {
  /** Its id on the wire, the same in every try. */
  readonly id: string
  readonly operation: Operation
  /** Null when nobody ever answered. */
  readonly status: number | null
  readonly body: Body
  /** Tries that were lost before an answer came: each may have had its effect. */
  readonly lostAttempts: number
}

/** Sends requests to whatever server is there, and remembers what was answered. */
export interface ChaosClient {
  readonly history: readonly CompletedOperation[]
  /** Tries that were lost, or refused because the database was away. */
  readonly lostAttempts: () => number
  readonly send: (operation: Operation) => Promise<CompletedOperation>
}

type Attempt = { readonly kind: 'answered'; readonly status: number; readonly body: Body } | { readonly kind: 'again' | 'lost' }

/**
 * @param random picks the server of each try; a request that is lost goes to another one under the same Idempotency-Key
 */
export function createChaosClient(servers: readonly Server[], random: SeededRandom, findings: Findings): ChaosClient {
  const history: CompletedOperation[] = []
  let count = 0
  let totalLostAttempts = 0

  const attemptOnce = async (server: Server, id: string, { method, path, body, token }: Operation, timeoutMs: number): Promise<Attempt> => {
    let response: Response
    let text: string
    try {
      response = await fetch(`${server.url}${path}`, {
        method,
        headers: {
          'x-request-id': id,
          'idempotency-key': id,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(timeoutMs),
      })
      text = await response.text()
    } catch {
      return { kind: 'lost' }
    }
    const { status } = response
    const isDeclared = status === 503 && response.headers.get('retry-after') !== null
    if (status >= 500 && !isDeclared) findings.reportViolation('answers', `${method} ${path}: ${status} ${text.slice(0, 300)}`)
    if (status === 503) return { kind: 'lost' }
    const responseBody = text === '' ? null : (JSON.parse(text) as Body)
    if (status === 409 && responseBody?.code === 'idempotency_in_flight') return { kind: 'again' }
    return { kind: 'answered', status, body: responseBody }
  }

  const pickServer = (): Server => {
    const up = servers.filter((server) => server.state() === 'up')
    return random.pick(up.length > 0 ? up : servers)
  }

  const send = async (operation: Operation): Promise<CompletedOperation> => {
    count += 1
    const id = `torture-${count}`
    let lostAttempts = 0
    for (let attempts = 0; attempts < MAX_ATTEMPTS; attempts += 1) {
      const isAbandoned = attempts === 0 && random.next() < ABANDON_RATE
      const timeoutMs = isAbandoned ? Math.ceil(random.next() * ABANDON_AFTER_MS) : REQUEST_TIMEOUT_MS
      const attempt = await attemptOnce(pickServer(), id, operation, timeoutMs)
      if (attempt.kind === 'answered') return record({ id, operation, status: attempt.status, body: attempt.body, lostAttempts })
      if (attempt.kind === 'lost') {
        lostAttempts += 1
        totalLostAttempts += 1
      }
      await sleep(RETRY_DELAY_MS * (1 + random.next()))
    }
    return record({ id, operation, status: null, body: null, lostAttempts })
  }

  const record = (completed: CompletedOperation): CompletedOperation => {
    history.push(completed)
    return completed
  }

  return { history, lostAttempts: () => totalLostAttempts, send }
}

/** Whether a request was accepted. */
export const isAccepted = (completed: CompletedOperation): boolean => completed.status !== null && completed.status < 300
