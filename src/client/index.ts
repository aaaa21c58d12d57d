// A client of the API for programs in TypeScript: `import { createClient } from 'paperclip-server/client'`. Its types are those of the API document.

import createFetchClient from 'openapi-fetch'
import type { Client } from 'openapi-fetch'
import type { paths } from './paths.ts'

export type { components, operations, paths } from './paths.ts'

/** Where a server is, and who asks. */
export interface ClientOptions {
  /** The address of the server, without `/api`. */
  readonly url: string
  /** The bearer: an API key of an agent, the token of a run, or the token of the board. Without one the request is of this account on this machine. */
  readonly token?: string
  /** Another `fetch`, with limits or a proxy of your own. */
  readonly fetch?: (request: Request) => Promise<Response>
}

/** A client with a method for each method of HTTP, whose paths, parameters, bodies and answers have types. */
export type ApiClient = Client<paths, 'application/json'>

/**
 * Creates a client. A refusal is no exception: the answer has either `data`, or `error` with its `code`. It sends nothing yet.
 */
export function createClient({ url, token, fetch }: ClientOptions): ApiClient {
  return createFetchClient<paths, 'application/json'>({
    baseUrl: url.replace(/\/+$/, ''),
    ...(token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } }),
    ...(fetch === undefined ? {} : { fetch }),
  })
}
