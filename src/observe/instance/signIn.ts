// The pages by which a browser becomes the board and ends being it. They set a cookie, so they are no routes of the API.

import type { RequestListener } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { BoardAccess } from '../../auth/boardAccess.ts'
import { SESSION_SECONDS } from '../../auth/boardSessions.ts'
import { cookieOf } from '../../auth/cookie.ts'
import { localUidOf } from '../../auth/identify.ts'
import { apiHeaders } from '../../http/headers.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import type { Log } from '../../platform/kernel/log.ts'

export const SIGN_IN_PATH = '/board/sign-in'
export const SIGN_OUT_PATH = '/board/sign-out'
/** Where a browser goes that has signed in. */
const AFTER_SIGN_IN = '/console/'
const LINK_ENDED = 'The link has been used or is too old. POST /api/board/links with the token of the board makes another one'

type Page = (...request: Parameters<RequestListener>) => Promise<void>

/** The path of a one-time link. */
export const signInPath = (code: string): string => `${SIGN_IN_PATH}?code=${code}`

function setCookie({ sessions }: BoardAccess, request: IncomingMessage, value: string, maxAgeSeconds: number): string {
  // A proxy with TLS in front of this server says so. A client that claims it falsely gets a cookie that its own browser will not send.
  const secure = request.headers['x-forwarded-proto'] === 'https' ? '; Secure' : ''
  return `${sessions.cookieName}=${value}; Path=/; Max-Age=${maxAgeSeconds}; HttpOnly; SameSite=Strict${secure}`
}

function send(response: ServerResponse, status: number, headers: Readonly<Record<string, string>>): void {
  response.writeHead(status, { ...apiHeaders, 'Content-Length': '0', ...headers })
  response.end()
}

/**
 * Answers `GET /board/sign-in?code=`: uses the link up, sets the cookie and sends the browser on. The cookie is bound to the
 * account that used the link, because browsers send cookies of a host to all its ports, so to programs of other accounts as well.
 *
 * @throws Refusal `unauthorized` for a link that has ended, `method_not_allowed`; a browser that only looks ahead is refused
 */
export function signInPage(access: BoardAccess, log: Log): Page {
  return async (request, response) => {
    if (request.method !== 'GET') refuse('method_not_allowed')
    if (request.headers['sec-purpose'] !== undefined || request.headers['purpose'] !== undefined) refuse('bad_request')
    const code = new URL(request.url ?? '', 'http://localhost').searchParams.get('code') ?? ''
    const cookie = await access.sessions.redeem(code, await localUidOf(access, request))
    if (cookie === null) return refuse('unauthorized', { message: LINK_ENDED })
    log.info('a browser signed in as the board')
    send(response, 303, { Location: AFTER_SIGN_IN, 'Set-Cookie': setCookie(access, request, cookie, SESSION_SECONDS) })
  }
}

/** Answers `POST /board/sign-out`: ends the session of the cookie and removes it. Without a valid cookie it only removes it. */
export function signOutPage(access: BoardAccess, log: Log): Page {
  return async (request, response) => {
    if (request.method !== 'POST') refuse('method_not_allowed')
    const session = access.sessions.verify(cookieOf(request, access.sessions.cookieName) ?? '')
    if (session !== null) {
      access.sessions.end(session)
      log.info('a browser signed out')
    }
    send(response, 204, { 'Set-Cookie': setCookie(access, request, '', 0) })
  }
}
