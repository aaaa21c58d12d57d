import { request } from 'node:http'
import { createClient as createApiClient } from '../client/index.ts'
import type { ApiClient } from '../client/index.ts'
import { noteServer } from './owners.ts'
import type { Asserts } from './asserts.ts'

/** An answer of the server. */
export interface Answer<T = unknown> {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** The parsed JSON; null without a body. */
  readonly body: T
  /** The body as it was sent. */
  readonly text: string
}

/** A party that speaks with the server by its credential. Each request has a connection of its own, so none meets one that died with a server. */
export interface Client {
  /** The bearer; null for none. */
  readonly token: string | null
  /**
   * The same party with the types of the API document: `api.GET('/api/issues/{id}', { params: { path: { id } } })`. The answer has `data`, or
   * `error` for a refusal, and `response`.
   */
  readonly api: ApiClient
  get<T = Json>(path: string, headers?: Headers): Promise<Answer<T>>
  post<T = Json>(path: string, body?: unknown, headers?: Headers): Promise<Answer<T>>
  put<T = Json>(path: string, body?: unknown, headers?: Headers): Promise<Answer<T>>
  patch<T = Json>(path: string, body?: unknown, headers?: Headers): Promise<Answer<T>>
  delete<T = Json>(path: string, headers?: Headers): Promise<Answer<T>>
}

// Bodies differ by route, and a test asserts on single fields of them.
// oxlint-disable-next-line typescript/no-explicit-any
export type Json = any

export type Headers = Readonly<Record<string, string>>

interface Sending {
  readonly method: string
  readonly path: string
  /** The bytes to send; null for none. */
  readonly content: Buffer | null
  readonly headers: Headers
}

interface Received {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly bytes: Buffer
}

/** How long an answer may take, in milliseconds: longer than the longest wait of the server. */
const ANSWER_WITHIN_MS = 60_000

/** Sends one request. @throws Error of the connection, as when the server dies before its answer */
function send(url: string, { method, path, content, headers }: Sending): Promise<Received> {
  const length = content === null ? {} : { 'content-length': String(content.length) }
  return new Promise((resolve, reject) => {
    const options = { method, headers: { ...headers, ...length }, agent: false, timeout: ANSWER_WITHIN_MS }
    const outgoing = request(new URL(path, url), options, (incoming) => {
      const parts: Buffer[] = []
      incoming.on('data', (part: Buffer) => void parts.push(part))
      incoming.on('error', reject)
      incoming.on('end', () => resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, bytes: Buffer.concat(parts) }))
    })
    outgoing.on('error', reject)
    outgoing.on('timeout', () => outgoing.destroy(new Error(`${method} ${path} was not answered within ${ANSWER_WITHIN_MS / 1000} s`)))
    outgoing.end(content ?? undefined)
  })
}

/** Statuses whose answer has no body, not even an empty one. */
const WITHOUT_BODY: ReadonlySet<number> = new Set([101, 204, 205, 304])

/** Sends what a client of `fetch` asks for, on a connection of its own. */
async function fetchOnce(asked: Request): Promise<Response> {
  const sent = Buffer.from(await asked.arrayBuffer())
  const { status, headers, bytes } = await send(asked.url, {
    method: asked.method,
    path: asked.url,
    content: sent.length === 0 ? null : sent,
    headers: Object.fromEntries(asked.headers),
  })
  const pairs = Object.entries(headers).flatMap(([name, value]) => [value ?? []].flat().map((each): [string, string] => [name, each]))
  return new Response(WITHOUT_BODY.has(status) ? null : bytes, { status, headers: pairs })
}

const answerOf = ({ status, headers, bytes }: Received): Answer => {
  const text = bytes.toString('utf8')
  const isJson = text !== '' && /json/.test(String(headers['content-type'] ?? ''))
  return { status, headers, text, body: isJson ? (JSON.parse(text) as unknown) : null }
}

type ApiMethod = (...given: unknown[]) => Promise<{ readonly data?: unknown }>

/** Remembers from which server the objects of its answers came, for the matchers. */
const noteAnswers = (api: ApiClient, asserts: () => Asserts): ApiClient =>
  new Proxy(api, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name)
      if (typeof value !== 'function' || name === 'use' || name === 'eject') return value
      return async (...given: unknown[]) => {
        const answer = await (value as ApiMethod)(...given)
        noteServer(answer.data, asserts())
        return answer
      }
    },
  })

/** A client of a server that sends this bearer. @param asserts of that server, for the objects in its answers */
export function createClient(url: string, token: string | null, asserts: () => Asserts): Client {
  const credential: Headers = token === null ? {} : { authorization: `Bearer ${token}` }
  const ask = async <T>(method: string, path: string, body: unknown, headers: Headers = {}): Promise<Answer<T>> => {
    const content = body === undefined ? null : Buffer.from(JSON.stringify(body))
    const type: Headers = content === null ? {} : { 'content-type': 'application/json' }
    const answer = answerOf(await send(url, { method, path, content, headers: { ...type, ...credential, ...headers } })) as Answer<T>
    noteServer(answer.body, asserts())
    return answer
  }
  return {
    token,
    api: noteAnswers(createApiClient({ url, ...(token === null ? {} : { token }), fetch: fetchOnce }), asserts),
    get: (path, headers) => ask('GET', path, undefined, headers),
    post: (path, body, headers) => ask('POST', path, body, headers),
    put: (path, body, headers) => ask('PUT', path, body, headers),
    patch: (path, body, headers) => ask('PATCH', path, body, headers),
    delete: (path, headers) => ask('DELETE', path, undefined, headers),
  }
}
