import type { IncomingMessage } from 'node:http'
import { cookieOf } from '../auth/cookie.ts'

/** The program at the other end, as far as a handler needs it. It decides nothing about who the caller is. */
export interface Client {
  /** The address from which the request came, behind trusted proxies. */
  readonly address: string
  readonly userAgent: string | null
  cookie(name: string): string | null
}

const MAX_USER_AGENT = 400

/** @param addressOf finds the address from which a request came */
export const clientOf = (request: IncomingMessage, addressOf: (request: IncomingMessage) => string): Client => ({
  get address() {
    return addressOf(request)
  },
  get userAgent() {
    return request.headers['user-agent']?.slice(0, MAX_USER_AGENT) ?? null
  },
  cookie: (name) => cookieOf(request, name),
})
