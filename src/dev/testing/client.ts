import { exchange } from './exchange.ts'
import type { Received } from './exchange.ts'

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

const isJson = /[/+]json(?:$|[^-\w])/i

/** The parts of an answer by the type of its content: JSON is read, of a text the body is empty, and of anything else it is the bytes. */
function contentOf({ headers: { 'content-type': type = '' }, bytes }: Received): Pick<Answer, 'body' | 'text'> {
  const text = bytes.toString('utf8')
  if (isJson.test(type) && text !== '') return { text, body: JSON.parse(text) as unknown }
  return { text, body: bytes.length === 0 || type.startsWith('text/') ? {} : bytes }
}

/** A body as bytes. A text and bytes are sent as they are, anything else as JSON. */
const encoded = (body: unknown): string | Buffer => (typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body))

/** A client of a server that sends these headers with each request. */
export function clientOf(url: string, headers: Readonly<Record<string, string>>): Client {
  const send = async (method: string, path: string, body: unknown, extra: Record<string, string> = {}): Promise<Answer> => {
    const type = body === undefined ? {} : { 'content-type': 'application/json' }
    const bytes = body === undefined ? null : encoded(body)
    const received = await exchange(`${url}${path}`, { method, headers: { ...type, ...headers, ...extra }, bytes })
    return { status: received.status, headers: received.headers as Record<string, string>, ...contentOf(received) }
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
