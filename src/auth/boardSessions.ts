// One-time links, and the cookies that browsers get for them.

import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { createBoundedCache } from '../platform/kernel/boundedCache.ts'
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
  redeem(code: string, uid: number | null): string | null
  /** The session of a cookie; null when it is forged, over, signed out, or was made for another token. */
  verify(value: string): BoardSession | null
  /** Ends a session before its time, in this process. */
  end(session: BoardSession): void
}

const equal = (a: string, b: string): boolean => {
  const [left, right] = [Buffer.from(a), Buffer.from(b)]
  return left.length === right.length && timingSafeEqual(left, right)
}

const cookieValue = /^(\d{1,15})\.(\d{1,10}|-)\.([\w-]{16})\.([\w-]{43})$/

/**
 * Creates the links and sessions of a token. A cookie is signed with a key made from the token, so a new token ends all of them, and
 * they survive a restart. Links and early sign-outs are in the memory of this process.
 * @param now milliseconds since the epoch; for tests
 */
export function createBoardSessions(token: BoardToken, now: () => number = Date.now): BoardSessions {
  const key = token.deriveKey('board cookie')
  const links = createBoundedCache<string, number>(MAX_LINKS)
  const ended = createBoundedCache<string, number>(MAX_ENDED)
  const sign = (text: string): string => createHmac('sha256', key).update(text).digest('base64url')

  return {
    cookieName: `paperclip_board_${token.deriveKey('cookie name').toString('hex').slice(0, 8)}`,
    createLink() {
      const code = randomBytes(32).toString('base64url')
      const expiresAtMs = now() + LINK_MS
      links.set(sign(code), expiresAtMs)
      return { code, expiresAtMs }
    },
    redeem(code, uid) {
      // Looked up by its signature: the time that takes reveals nothing about the codes that exist.
      const signature = sign(code)
      const expiresAtMs = links.get(signature)
      links.delete(signature)
      if (expiresAtMs === undefined || expiresAtMs < now()) return null
      const text = `${now() + SESSION_SECONDS * 1000}.${uid ?? '-'}.${randomBytes(12).toString('base64url')}`
      return `${text}.${sign(text)}`
    },
    verify(value) {
      const [, expires = '', uid = '', id = '', signature = ''] = cookieValue.exec(value) ?? []
      if (!equal(signature, sign(`${expires}.${uid}.${id}`))) return null
      const session = { id, uid: uid === '-' ? null : Number(uid), expiresAtMs: Number(expires) }
      return session.expiresAtMs < now() || ended.has(id) ? null : session
    },
    end: ({ id, expiresAtMs }) => ended.set(id, expiresAtMs),
  }
}
