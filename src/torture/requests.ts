import { setTimeout as sleep } from 'node:timers/promises'
import type { Dice } from '../testing/dice.ts'
import type { Server } from './fleet.ts'
import type { Findings } from './laws.ts'

/** Long enough for a request that waits for a lock; past this the server is taken for gone. */
const PATIENCE_MS = 6000
/** A request is sent again until somebody answers it. */
const MOST_TRIES = 40
const PAUSE_MS = 100
/** Of the first tries, this part is given up before the answer can be there, as by a client that was killed. */
const GIVEN_UP = 0.03
const GIVEN_UP_AFTER_MS = 25

export interface Wish {
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
export interface Deed {
  /** Its id on the wire, the same in every try. */
  readonly id: string
  readonly wish: Wish
  /** Null when nobody ever answered. */
  readonly status: number | null
  readonly body: Body
  /** Tries that were lost before an answer came: each may have had its effect. */
  readonly lost: number
}

/** Sends requests to whatever server is there, and remembers what was answered. */
export interface Requests {
  readonly deeds: readonly Deed[]
  /** Tries that were lost, or refused because the database was away. */
  readonly lost: () => number
  readonly send: (wish: Wish) => Promise<Deed>
}

type Tried = { readonly kind: 'answered'; readonly status: number; readonly body: Body } | { readonly kind: 'again' | 'lost' }

/**
 * @param chance picks the server of each try; a request that is lost goes to another one under the same Idempotency-Key
 */
export function createRequests(servers: readonly Server[], chance: Dice, findings: Findings): Requests {
  const deeds: Deed[] = []
  let count = 0
  let lost = 0

  const tryOnce = async (server: Server, id: string, { method, path, body, token }: Wish, patienceMs: number): Promise<Tried> => {
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
        signal: AbortSignal.timeout(patienceMs),
      })
      text = await response.text()
    } catch {
      return { kind: 'lost' }
    }
    const { status } = response
    const isDeclared = status === 503 && response.headers.get('retry-after') !== null
    if (status >= 500 && !isDeclared) findings.fault('answers', `${method} ${path}: ${status} ${text.slice(0, 300)}`)
    if (status === 503) return { kind: 'lost' }
    const answer = text === '' ? null : (JSON.parse(text) as Body)
    if (status === 409 && answer?.code === 'idempotency_in_flight') return { kind: 'again' }
    return { kind: 'answered', status, body: answer }
  }

  const reachable = (): Server => {
    const up = servers.filter((server) => server.standing() === 'up')
    return chance.pick(up.length > 0 ? up : servers)
  }

  const send = async (wish: Wish): Promise<Deed> => {
    count += 1
    const id = `torture-${count}`
    let lostHere = 0
    for (let tries = 0; tries < MOST_TRIES; tries += 1) {
      const isGivenUp = tries === 0 && chance.roll() < GIVEN_UP
      const patienceMs = isGivenUp ? Math.ceil(chance.roll() * GIVEN_UP_AFTER_MS) : PATIENCE_MS
      const tried = await tryOnce(reachable(), id, wish, patienceMs)
      if (tried.kind === 'answered') return keep({ id, wish, status: tried.status, body: tried.body, lost: lostHere })
      if (tried.kind === 'lost') {
        lostHere += 1
        lost += 1
      }
      await sleep(PAUSE_MS * (1 + chance.roll()))
    }
    return keep({ id, wish, status: null, body: null, lost: lostHere })
  }

  const keep = (deed: Deed): Deed => {
    deeds.push(deed)
    return deed
  }

  return { deeds, lost: () => lost, send }
}

/** Whether a request was accepted. */
export const isAccepted = (deed: Deed): boolean => deed.status !== null && deed.status < 300
