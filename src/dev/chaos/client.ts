import { setTimeout as sleep } from 'node:timers/promises'
import type { SeededRandom } from '../testing/seededRandom.ts'
import { BOARD_TOKEN } from './servers.ts'
import type { Server } from './servers.ts'
import type { Findings } from './properties.ts'

/** Long enough for a request that waits for a lock. After this time the client treats the server as unreachable. */
const REQUEST_TIMEOUT_MS = 6000
/** Attempts per operation before the client gives up. */
const MAX_ATTEMPTS = 40
const RETRY_DELAY_MS = 100
/** Share of first attempts that the client aborts before an answer is likely, as a killed client would. */
const ABANDON_RATE = 0.03
const ABANDON_AFTER_MS = 25

/** One request of the load. */
export interface Operation {
  /** The kind of operation. `expectedAudit` in checkers.ts lists the audit row per kind. */
  readonly name: string
  readonly method: 'GET' | 'POST' | 'PATCH'
  readonly path: string
  readonly body?: object
  /** Left out: the id of the request, which is the same in every attempt. */
  readonly idempotencyKey?: string
  /** The credential of a run or an agent. Without it, the board sends the request. */
  readonly token?: string
}

// Bodies differ by route.
// oxlint-disable-next-line typescript/no-explicit-any
export type Body = any

/** One operation with its answer. */
export interface CompletedOperation {
  /** The request id and Idempotency-Key, the same in every attempt. */
  readonly id: string
  readonly operation: Operation
  /** Null when no server answered. */
  readonly status: number | null
  readonly body: Body
  /** Attempts lost before the answer. Each may have taken effect. */
  readonly lostAttempts: number
}

/** Sends operations to the servers that are up, and keeps the history of their answers. */
export interface ChaosClient {
  readonly history: readonly CompletedOperation[]
  /** Attempts of all operations that were lost, or refused with 503. */
  readonly lostAttempts: () => number
  readonly send: (operation: Operation) => Promise<CompletedOperation>
}

type AttemptResult = { readonly kind: 'answered'; readonly status: number; readonly body: Body } | { readonly kind: 'again' | 'lost' }

interface Attempt {
  readonly server: Server
  readonly id: string
  readonly operation: Operation
  readonly timeoutMs: number
}

/** Sends an operation once. Reports a status from 500 on, except a 503 with Retry-After. */
async function attemptOnce({ server, id, operation, timeoutMs }: Attempt, findings: Findings): Promise<AttemptResult> {
  const { method, path, body, token, idempotencyKey = id } = operation
  let response: Response
  let text: string
  try {
    response = await fetch(`${server.url}${path}`, {
      method,
      headers: {
        'x-request-id': id,
        'idempotency-key': idempotencyKey,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        authorization: `Bearer ${token ?? BOARD_TOKEN}`,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(timeoutMs),
    })
    text = await response.text()
  } catch {
    return { kind: 'lost' }
  }
  const { status } = response
  const isAllowed = status === 503 && response.headers.get('retry-after') !== null
  if (status >= 500 && !isAllowed) findings.reportViolation('answers', `${method} ${path}: ${status} ${text.slice(0, 300)}`)
  if (status === 503) return { kind: 'lost' }
  const responseBody = text === '' ? null : (JSON.parse(text) as Body)
  if (status === 409 && responseBody?.code === 'idempotency_in_flight') return { kind: 'again' }
  return { kind: 'answered', status, body: responseBody }
}

/**
 * Creates a client that retries a lost attempt on another server under the same Idempotency-Key.
 * @param random picks the server of each attempt
 */
export function createChaosClient(servers: readonly Server[], random: SeededRandom, findings: Findings): ChaosClient {
  const history: CompletedOperation[] = []
  let count = 0
  let totalLostAttempts = 0

  const pickServer = (): Server => {
    const up = servers.filter((server) => server.state() === 'up')
    return random.pick(up.length > 0 ? up : servers)
  }

  const record = (completed: CompletedOperation): CompletedOperation => {
    history.push(completed)
    return completed
  }

  const send = async (operation: Operation): Promise<CompletedOperation> => {
    count += 1
    const id = `chaos-${count}`
    let lostAttempts = 0
    for (let attempts = 0; attempts < MAX_ATTEMPTS; attempts += 1) {
      const isAbandoned = attempts === 0 && random.next() < ABANDON_RATE
      const timeoutMs = isAbandoned ? Math.ceil(random.next() * ABANDON_AFTER_MS) : REQUEST_TIMEOUT_MS
      const result = await attemptOnce({ server: pickServer(), id, operation, timeoutMs }, findings)
      if (result.kind === 'answered') return record({ id, operation, status: result.status, body: result.body, lostAttempts })
      if (result.kind === 'lost') {
        lostAttempts += 1
        totalLostAttempts += 1
      }
      await sleep(RETRY_DELAY_MS * (1 + random.next()))
    }
    return record({ id, operation, status: null, body: null, lostAttempts })
  }

  return { history, lostAttempts: () => totalLostAttempts, send }
}

/** Whether the server accepted the operation: its status is below 300. */
export const isAccepted = (completed: CompletedOperation): boolean => completed.status !== null && completed.status < 300
