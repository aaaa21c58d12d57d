import { request } from 'node:http'
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
  readonly body: unknown
  readonly headers: Headers
}

/** How long an answer may take, in milliseconds: longer than the longest wait of the server. */
const ANSWER_WITHIN_MS = 60_000

/** Sends one request. @throws Error of the connection, as when the server dies before its answer */
function send(url: string, { method, path, body, headers }: Sending): Promise<Answer> {
  const text = body === undefined ? null : JSON.stringify(body)
  const content = text === null ? {} : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(text)) }
  return new Promise((resolve, reject) => {
    const options = { method, headers: { ...content, ...headers }, agent: false, timeout: ANSWER_WITHIN_MS }
    const outgoing = request(new URL(path, url), options, (incoming) => {
      let received = ''
      incoming.setEncoding('utf8')
      incoming.on('data', (chunk: string) => (received += chunk))
      incoming.on('error', reject)
      incoming.on('end', () => {
        const isJson = /json/.test(incoming.headers['content-type'] ?? '')
        const parsed = isJson && received !== '' ? (JSON.parse(received) as unknown) : null
        resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body: parsed, text: received })
      })
    })
    outgoing.on('error', reject)
    outgoing.on('timeout', () => outgoing.destroy(new Error(`${method} ${path} was not answered within ${ANSWER_WITHIN_MS / 1000} s`)))
    outgoing.end(text ?? undefined)
  })
}

/** A client of a server that sends this bearer. @param asserts of that server, for the objects in its answers */
export function createClient(url: string, token: string | null, asserts: () => Asserts): Client {
  const credential: Headers = token === null ? {} : { authorization: `Bearer ${token}` }
  const ask = async <T>(method: string, path: string, body: unknown, headers: Headers = {}): Promise<Answer<T>> => {
    const answer = (await send(url, { method, path, body, headers: { ...credential, ...headers } })) as Answer<T>
    noteServer(answer.body, asserts())
    return answer
  }
  return {
    token,
    get: (path, headers) => ask('GET', path, undefined, headers),
    post: (path, body, headers) => ask('POST', path, body, headers),
    put: (path, body, headers) => ask('PUT', path, body, headers),
    patch: (path, body, headers) => ask('PATCH', path, body, headers),
    delete: (path, headers) => ask('DELETE', path, undefined, headers),
  }
}
