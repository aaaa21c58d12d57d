import { Agent } from 'node:http'
import supertest from 'supertest'

/** An answer as tests read it; tests look at single fields of a body, so it is loosely typed. */
export interface Answer {
  readonly status: number
  // Answers differ by route and are asserted on by the tests themselves.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly body: any
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
}

/** A client with its credentials. */
export interface Client {
  readonly headers: Readonly<Record<string, string>>
  get(path: string, headers?: Record<string, string>): Promise<Answer>
  post(path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>
  patch(path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>
  put(path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>
  del(path: string, headers?: Record<string, string>): Promise<Answer>
  /** The same one with further headers. */
  with(headers: Record<string, string>): Client
}

/** Connections are kept: the other end of a new one is looked up, which costs more than most requests. */
const keepAlive = new Agent({ keepAlive: true })

/** A client of a server that sends these headers with each request. */
export function clientOf(url: string, headers: Readonly<Record<string, string>>): Client {
  const send = async (
    method: 'get' | 'post' | 'patch' | 'put' | 'delete',
    path: string,
    body: unknown,
    extra: Record<string, string> = {},
  ) => {
    const request = supertest(url)
      [method](path)
      .agent(keepAlive)
      .set({ ...headers, ...extra })
    const answer = await (body === undefined ? request : request.send(body as object))
    return { status: answer.status, body: answer.body as unknown, headers: answer.headers as Record<string, string>, text: answer.text }
  }
  return {
    headers,
    get: (path, extra) => send('get', path, undefined, extra),
    post: (path, body, extra) => send('post', path, body, extra),
    patch: (path, body, extra) => send('patch', path, body, extra),
    put: (path, body, extra) => send('put', path, body, extra),
    del: (path, extra) => send('delete', path, undefined, extra),
    with: (extra) => clientOf(url, { ...headers, ...extra }),
  }
}
