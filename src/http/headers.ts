// Request headers that have a meaning for this API, and the fixed headers of its answers.

import { randomBytes, randomUUID } from 'node:crypto'
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import helmet from 'helmet'
import { refuse } from '../platform/kernel/errors.ts'
import { versionOf } from './entityTag.ts'
import type { Preconditions, Route } from './route.ts'

const requestIdPattern = /^[\w.:-]{1,128}$/

/** The id of a request: the caller's `X-Request-Id` if it is well-formed, else the id of the caller's trace, else a new UUID. */
export function requestIdOf(headers: IncomingHttpHeaders, parent: TraceParent | null): string {
  const given = headers['x-request-id']
  return typeof given === 'string' && requestIdPattern.test(given) ? given : (parent?.traceId ?? randomUUID())
}

const entityTag = /^(?:W\/)?"([\x21\x23-\x7e]{1,200})"$/

/** The preconditions of a write, from `If-Match` and `X-Paperclip-Lock-Epoch`. @throws Refusal `malformed_header` */
export function preconditionsOf(headers: IncomingHttpHeaders): Preconditions {
  const match = headers['if-match']
  let ifMatch: string | null = null
  if (match !== undefined && match.trim() !== '*') {
    const tag = entityTag.exec(match.trim())?.[1] ?? refuse('malformed_header', { message: 'If-Match takes one entity tag' })
    ifMatch = versionOf(tag)
  }
  const epoch = headers['x-paperclip-lock-epoch']
  if (epoch === undefined) return { ifMatch, lockEpoch: null }
  if (typeof epoch !== 'string' || !/^\d{1,15}$/.test(epoch)) {
    return refuse('malformed_header', { message: 'X-Paperclip-Lock-Epoch takes a whole number' })
  }
  return { ifMatch, lockEpoch: Number(epoch) }
}

/**
 * Refuses the conditions of a request that its route does not evaluate (`cases.md` K36): a client that sends one relies on it.
 * @throws Refusal `malformed_header`
 */
export function requireEvaluated({ method, refuses }: Pick<Route, 'method' | 'refuses'>, headers: IncomingHttpHeaders): void {
  if (headers['if-match'] !== undefined && !refuses.includes('precondition_failed'))
    refuse('malformed_header', { message: 'If-Match is not evaluated here; send the request without it' })
  if (headers['if-none-match'] !== undefined && method !== 'get')
    refuse('malformed_header', { message: 'If-None-Match is evaluated for GET only; send the request without it' })
}

/** `Idempotency-Key`, or null. @throws Refusal `malformed_header` */
export function idempotencyKeyOf(headers: IncomingHttpHeaders): string | null {
  const given = headers['idempotency-key']
  if (given === undefined) return null
  return typeof given === 'string' && /^[\x21-\x7e]{1,255}$/.test(given)
    ? given
    : refuse('malformed_header', { message: 'Idempotency-Key takes 1 to 255 visible ASCII characters' })
}

/** `Last-Event-ID`, or null. An empty value counts as none: clients send it before their first event. */
export function lastEventIdOf(headers: IncomingHttpHeaders): string | null {
  const given = headers['last-event-id']
  return typeof given === 'string' && given !== '' ? given : null
}

const traceParentPattern = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-|$)/

/** The trace of the caller (W3C Trace Context): its id, the span of the caller, and its flags as two hex digits. */
export interface TraceParent {
  readonly traceId: string
  readonly spanId: string
  readonly flags: string
}

/** `traceparent`, or null when it is missing or malformed; the specification asks servers to ignore a malformed one. */
export function traceParentOf(headers: IncomingHttpHeaders): TraceParent | null {
  const given = headers['traceparent']
  if (typeof given !== 'string') return null
  const [, traceId, spanId, flags] = traceParentPattern.exec(given) ?? []
  if (traceId === undefined || spanId === undefined || flags === undefined) return null
  // Version 00 ends with the flags (55 characters), and `ff` is not a version.
  if (given.startsWith('ff') || (given.startsWith('00') && given.length !== 55)) return null
  return /^0+$/.test(traceId) || /^0+$/.test(spanId) ? null : { traceId, spanId, flags }
}

/** The `traceresponse` header: the caller's trace id with a new span id for this request. */
export const traceResponseOf = (parent: TraceParent): string => `00-${parent.traceId}-${randomBytes(8).toString('hex')}-${parent.flags}`

/**
 * Runs a middleware once and returns the headers that it sets. helmet sets the same headers for every request of an API,
 * and running it for each costs 32 µs of the 200 µs of a request.
 */
function captureHeaders(middleware: ReturnType<typeof helmet>): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {}
  const recorder = {
    setHeader: (name: string, value: string) => void (headers[name] = value),
    removeHeader: (name: string) => void delete headers[name],
  }
  middleware({} as IncomingMessage, recorder as unknown as ServerResponse, () => {})
  return headers
}

/** Headers of every JSON answer: a browser may not run, frame, sniff or cache it. */
export const apiHeaders: Readonly<Record<string, string>> = {
  ...captureHeaders(
    helmet({
      contentSecurityPolicy: { useDefaults: false, directives: { 'default-src': ["'none'"], 'frame-ancestors': ["'none'"] } },
      // The server runs on loopback or behind a proxy with TLS. Only the operator of the proxy can pin the host to https.
      strictTransportSecurity: false,
    }),
  ),
  'Cache-Control': 'no-store',
}

/** Headers of the API documentation page, which loads scripts and styles from this host only. */
export const pageHeaders: Readonly<Record<string, string>> = captureHeaders(
  helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        'default-src': ["'self'"],
        'style-src': ["'self'", "'unsafe-inline'"],
        'img-src': ["'self'", 'data:'],
        'frame-ancestors': ["'none'"],
      },
    },
    strictTransportSecurity: false,
  }),
)
