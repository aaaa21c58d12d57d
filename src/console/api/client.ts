// The one way in which the console asks the server.

import { noteServerTime } from './serverClock.ts'

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

const unreachable = (): ApiProblem =>
  new ApiProblem('The server does not answer. It may be restarting; nothing that you typed is lost', {
    status: 0,
    code: 'unreachable',
    details: null,
    body: {},
    requestId: null,
  })

/** The promise of an answer, or of a part of it. A request that was given up stays what it is. */
async function answered<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error
    throw unreachable()
  }
}

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

/** Says that the session of this browser has ended. */
export function announceUnauthorized(): void {
  for (const react of onUnauthorized) react()
}

/** A wrong password is refused with 401 too, by the routes that take one. */
const takesPassword = (path: string): boolean => path.startsWith('/auth/')

/** The value of a text of an answer. @throws ApiProblem for another text than JSON, which something between this page and the server sent */
function valueOf(text: string, { status }: Response): unknown {
  try {
    return text === '' ? null : JSON.parse(text)
  } catch {
    throw new ApiProblem('The answer is not one of this server', { status, code: 'unreadable', details: null, body: {}, requestId: null })
  }
}

/**
 * Asks the server, with the cookies of this browser.
 * @param path below `/api`, its parts encoded by the caller
 * @throws ApiProblem for every answer that is no success, with status 0 when no answer came
 */
export async function request<T>(method: Method, path: string, options: RequestOptions = {}): Promise<Answer<T>> {
  const response = await send(method, path, options)
  return {
    data: valueOf(response.status === 204 ? '' : await answered(response.text()), response) as T,
    etag: response.headers.get('ETag'),
    next: cursorIn(response.headers.get('Link')),
    status: response.status,
  }
}

/** Reads a stream of lines of JSON whole, as `request` reads one value. */
export async function requestLines<T>(path: string, query: Query = {}): Promise<T[]> {
  const response = await send('GET', path, { query })
  return (await answered(response.text()))
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => valueOf(line, response) as T)
}

async function send(method: Method, path: string, options: RequestOptions): Promise<Response> {
  const { body, query = {}, ifMatch = null, idempotencyKey, signal } = options
  const isForm = body instanceof FormData
  const askedAt = Date.now()
  const response = await answered(
    fetch(addressOf(path, query), {
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
    }),
  )
  noteServerTime(response.headers.get('Date'), askedAt)
  if (response.status === 401 && !takesPassword(path)) announceUnauthorized()
  if (!response.ok) throw await problemOf(response)
  return response
}

/** A part of a path, encoded. */
export const segment = (value: string): string => encodeURIComponent(value)
