// One-time links, and the cookies that browsers get for them.

import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { createBoundedCache } from '../platform/kernel/boundedCache.ts'
import type { Peers } from '../platform/kernel/peers.ts'
import type { BoardToken } from './boardToken.ts'

/** Long enough to copy the address from a terminal into a browser. */
const LINK_MS = 10 * 60_000
/** Unused links; a person needs one. */
const MAX_LINKS = 20
/** A working day. */
export const SESSION_SECONDS = 12 * 3600
/** Cookies that were signed out before their end. */
const MAX_ENDED = 10_000

/** The proof of a cookie: the holder of the token let this browser in. */
export interface BoardSession {
  readonly id: string
  /** The account that used the link on this machine; null for a browser elsewhere. */
  readonly uid: number | null
  /** Milliseconds since the epoch. */
  readonly expiresAtMs: number
}

export interface BoardSessions {
  /** The name of the cookie. It differs by token: cookies of a host go to every port, so to other servers of it as well. */
  readonly cookieName: string
  /** A code that lets one browser in, once. */
  createLink(): { readonly code: string; readonly expiresAtMs: number }
  /** Uses a code up. @returns the value of the cookie, or null for a code that is unknown, used or too old */
  redeem(code: string, uid: number | null): Promise<string | null>
  /** The session of a cookie; null when it is forged, over, signed out, or was made for another token. */
  verify(value: string): BoardSession | null
  /** Ends a session before its time, in this server. */
  end(session: BoardSession): void
}

/** The memory of sessions: links that wait for a browser, and sessions that were signed out. */
export interface BoardMemory {
  keepLink(signature: string, expiresAtMs: number): void
  /** Takes a link away. @returns its end; undefined when it is unknown, or was taken before */
  takeLink(signature: string): Promise<number | undefined>
  endSession(id: string, expiresAtMs: number): void
  hasEnded(id: string): boolean
}

function createEndedSessions() {
  const ended = createBoundedCache<string, number>(MAX_ENDED)
  return { endSession: (id: string, expiresAtMs: number): void => ended.set(id, expiresAtMs), hasEnded: (id: string) => ended.has(id) }
}

/** The memory of one process. */
function createBoardMemory(): BoardMemory {
  const links = createBoundedCache<string, number>(MAX_LINKS)
  return {
    keepLink: (signature, expiresAtMs) => links.set(signature, expiresAtMs),
    takeLink(signature) {
      const expiresAtMs = links.get(signature)
      links.delete(signature)
      return Promise.resolve(expiresAtMs)
    },
    ...createEndedSessions(),
  }
}

const SESSION_ENDED = 'board session ended'

/** The memory of the workers of a server: a browser reaches any of them. */
export function createSharedBoardMemory(peers: Peers): BoardMemory {
  const { endSession, hasEnded } = createEndedSessions()
  peers.onNotice(SESSION_ENDED, (value) => {
    const { id, expiresAtMs } = value as { id: string; expiresAtMs: number }
    endSession(id, expiresAtMs)
  })
  return {
    keepLink: (signature, expiresAtMs) => peers.keep(signature, expiresAtMs),
    takeLink: async (signature) => await peers.take(signature),
    endSession(id, expiresAtMs) {
      endSession(id, expiresAtMs)
      peers.notify(SESSION_ENDED, { id, expiresAtMs })
    },
    hasEnded,
  }
}

const equal = (a: string, b: string): boolean => {
  const [left, right] = [Buffer.from(a), Buffer.from(b)]
  return left.length === right.length && timingSafeEqual(left, right)
}

const cookieValue = /^(\d{1,15})\.(\d{1,10}|-)\.([\w-]{16})\.([\w-]{43})$/

/**
 * Creates the links and sessions of a token. A cookie is signed with a key made from the token, so a new token ends all of them, and
 * they survive a restart. Links and early sign-outs are in the memory of the server.
 * @param memory that of this process, unless given
 * @param now milliseconds since the epoch; for tests
 */
export function createBoardSessions(
  token: BoardToken,
  now: () => number = Date.now,
  memory: BoardMemory = createBoardMemory(),
): BoardSessions {
  const key = token.deriveKey('board cookie')
  const sign = (text: string): string => createHmac('sha256', key).update(text).digest('base64url')

  return {
    cookieName: `paperclip_board_${token.deriveKey('cookie name').toString('hex').slice(0, 8)}`,
    createLink() {
      const code = randomBytes(32).toString('base64url')
      const expiresAtMs = now() + LINK_MS
      memory.keepLink(sign(code), expiresAtMs)
      return { code, expiresAtMs }
    },
    async redeem(code, uid) {
      // Looked up by its signature: the time that takes reveals nothing about the codes that exist.
      const expiresAtMs = await memory.takeLink(sign(code))
      if (expiresAtMs === undefined || expiresAtMs < now()) return null
      const text = `${now() + SESSION_SECONDS * 1000}.${uid ?? '-'}.${randomBytes(12).toString('base64url')}`
      return `${text}.${sign(text)}`
    },
    verify(value) {
      const [, expires = '', uid = '', id = '', signature = ''] = cookieValue.exec(value) ?? []
      if (!equal(signature, sign(`${expires}.${uid}.${id}`))) return null
      const session = { id, uid: uid === '-' ? null : Number(uid), expiresAtMs: Number(expires) }
      return session.expiresAtMs < now() || memory.hasEnded(id) ? null : session
    },
    end: ({ id, expiresAtMs }) => memory.endSession(id, expiresAtMs),
  }
}
