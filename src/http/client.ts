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

/**
 * The client of a request. It is a class, because an object literal with getters gets a hidden class of its own each time, which V8 keeps in the old
 * generation, and with it the request until the next full collection.
 */
class RequestClient implements Client {
  readonly #request: IncomingMessage
  readonly #reached: Reached

  constructor(request: IncomingMessage, reached: Reached) {
    this.#request = request
    this.#reached = reached
  }

  get address(): string {
    return this.#reached.addressOf(this.#request)
  }

  get userAgent(): string | null {
    return this.#request.headers['user-agent']?.slice(0, MAX_USER_AGENT) ?? null
  }

  get origin(): string {
    return this.#reached.publicOrigin ?? `http://${this.#request.headers.host}`
  }

  cookie(name: string): string | null {
    return cookieOf(this.#request, name)
  }
}

export const clientOf = (request: IncomingMessage, reached: Reached): Client => new RequestClient(request, reached)
