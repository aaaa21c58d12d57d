import type { IncomingMessage } from 'node:http'
import type { AddressOf } from '../auth/clientAddress.ts'
import { cookieOf } from '../auth/cookie.ts'

/** The program at the other end, as far as a handler needs it. It decides nothing about who the caller is. */
export interface Client {
  /** The address from which the request came, behind trusted proxies. */
  readonly address: string
  readonly userAgent: string | null
  /** The origin by which the client reaches this server, for links. */
  readonly origin: string
  cookie(name: string): string | null
}

const MAX_USER_AGENT = 400

/** The facts of a server about where it is reached. */
export interface Reached {
  /** Finds the address from which a request came. */
  readonly addressOf: AddressOf
  /** The origin by which people reach this server; null for that of the request. */
  readonly publicOrigin: string | null
}

export const clientOf = (request: IncomingMessage, { addressOf, publicOrigin }: Reached): Client => ({
  get address() {
    return addressOf(request)
  },
  get userAgent() {
    return request.headers['user-agent']?.slice(0, MAX_USER_AGENT) ?? null
  },
  get origin() {
    return publicOrigin ?? `http://${request.headers.host}`
  },
  cookie: (name) => cookieOf(request, name),
})
