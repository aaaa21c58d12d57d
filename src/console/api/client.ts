// The one way in which the console asks the server.

/** A refusal of the server, in its own words. */
export class ApiProblem extends Error {
  /** The HTTP status; 0 where no answer came. */
  readonly status: number
  readonly code: string
  /** The facts of the refusal, as the server sent them. */
  readonly details: unknown
  /** The whole answer: a 412 has the row in it as it is now, under its noun. */
  readonly body: Readonly<Record<string, unknown>>
  readonly requestId: string | null

  constructor(message: string, facts: Pick<ApiProblem, 'status' | 'code' | 'details' | 'body' | 'requestId'>) {
    super(message)
    this.status = facts.status
    this.code = facts.code
    this.details = facts.details
    this.body = facts.body
    this.requestId = facts.requestId
  }
}

/** An answer with the parts that pages use. */
export interface Answer<T> {
  readonly data: T
  /** The entity tag, to be sent as `If-Match` with a change of the row. */
  readonly etag: string | null
  /** The cursor of the next page; null on the last. */
  readonly next: string | null
  readonly status: number
}

export type QueryValue = string | number | boolean | null | undefined
export type Query = Readonly<Record<string, QueryValue>>

export interface RequestOptions {
  readonly query?: Query
  /** A JSON value, or a form with one file. */
  readonly body?: unknown
  readonly ifMatch?: string | null
  readonly idempotencyKey?: string
  readonly signal?: AbortSignal
}

export type Method = 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE'

/** A path below `/api` with its query. Values that are empty are left out. */
export function addressOf(path: string, query: Query = {}): string {
  const pairs = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== '')
  const search = new URLSearchParams(pairs.map(([name, value]) => [name, String(value)])).toString()
  return `/api${path}${search === '' ? '' : `?${search}`}`
}

const cursorIn = (link: string | null): string | null => {
  const target = /<([^>]+)>;\s*rel="next"/.exec(link ?? '')?.[1]
  return target === undefined ? null : new URL(target, location.origin).searchParams.get('after')
}

const unreachable = { status: 0, code: 'unreachable', details: null, body: {}, requestId: null }

async function problemOf(response: Response): Promise<ApiProblem> {
  const requestId = response.headers.get('X-Request-Id')
  const body = ((await response.json().catch(() => null)) ?? {}) as Readonly<Record<string, unknown>>
  const message = typeof body['error'] === 'string' ? body['error'] : `The server answered ${response.status}`
  const code = typeof body['code'] === 'string' ? body['code'] : 'unknown'
  return new ApiProblem(message, { status: response.status, code, details: body['details'] ?? null, body, requestId })
}

/** Functions that hear of an answer 401: the session of this browser has ended. */
const onUnauthorized = new Set<() => void>()

/** @returns ends the subscription */
export function whenUnauthorized(react: () => void): () => void {
  onUnauthorized.add(react)
  return () => void onUnauthorized.delete(react)
}

/**
 * Asks the server, with the cookies of this browser.
 * @param path below `/api`, its parts encoded by the caller
 * @throws ApiProblem for every answer that is no success, with status 0 when no answer came
 */
export async function request<T>(method: Method, path: string, options: RequestOptions = {}): Promise<Answer<T>> {
  const response = await send(method, path, options)
  const text = response.status === 204 ? '' : await response.text()
  return {
    data: (text === '' ? null : JSON.parse(text)) as T,
    etag: response.headers.get('ETag'),
    next: cursorIn(response.headers.get('Link')),
    status: response.status,
  }
}

/** Reads a stream of lines of JSON whole, as `request` reads one value. */
export async function requestLines<T>(path: string, query: Query = {}): Promise<T[]> {
  const text = await (await send('GET', path, { query })).text()
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as T)
}

async function send(method: Method, path: string, options: RequestOptions): Promise<Response> {
  const { body, query = {}, ifMatch = null, idempotencyKey, signal } = options
  const isForm = body instanceof FormData
  const response = await fetch(addressOf(path, query), {
    method,
    credentials: 'same-origin',
    headers: {
      Accept: 'application/json',
      ...(body === undefined || isForm ? {} : { 'Content-Type': 'application/json' }),
      ...(ifMatch === null ? {} : { 'If-Match': ifMatch }),
      ...(idempotencyKey === undefined ? {} : { 'Idempotency-Key': idempotencyKey }),
    },
    ...(body === undefined ? {} : { body: isForm ? body : JSON.stringify(body) }),
    ...(signal === undefined ? {} : { signal }),
  }).catch((error: unknown) => {
    if (error instanceof DOMException && error.name === 'AbortError') throw error
    throw new ApiProblem('The server does not answer. It may be restarting; nothing that you typed is lost', unreachable)
  })
  if (response.status === 401) for (const react of onUnauthorized) react()
  if (!response.ok) throw await problemOf(response)
  return response
}

/** A part of a path, encoded. */
export const segment = (value: string): string => encodeURIComponent(value)
