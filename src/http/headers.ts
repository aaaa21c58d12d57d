import { randomUUID } from 'node:crypto'
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import helmet from 'helmet'
import { refuse } from '../kernel/errors.ts'
import type { Expectations } from './route.ts'

const requestIdForm = /^[\w.:-]{1,128}$/

/** The id of a request: the caller's where it has the form of one, a fresh one otherwise. */
export function requestIdOf(headers: IncomingHttpHeaders): string {
  const given = headers['x-request-id']
  return typeof given === 'string' && requestIdForm.test(given) ? given : randomUUID()
}

const entityTag = /^(?:W\/)?"([\x21\x23-\x7e]{1,200})"$/

/** The conditions of a write. @throws Refusal `malformed_header` */
export function expectationsOf(headers: IncomingHttpHeaders): Expectations {
  const match = headers['if-match']
  let ifMatch: string | null = null
  if (match !== undefined && match.trim() !== '*') {
    ifMatch = entityTag.exec(match.trim())?.[1] ?? refuse('malformed_header', { message: 'If-Match takes one entity tag' })
  }
  const epoch = headers['x-paperclip-lock-epoch']
  if (epoch === undefined) return { ifMatch, lockEpoch: null }
  if (typeof epoch !== 'string' || !/^\d{1,15}$/.test(epoch)) {
    return refuse('malformed_header', { message: 'X-Paperclip-Lock-Epoch takes a whole number' })
  }
  return { ifMatch, lockEpoch: Number(epoch) }
}

/** `Idempotency-Key`, or null. @throws Refusal `malformed_header` */
export function idempotencyKeyOf(headers: IncomingHttpHeaders): string | null {
  const given = headers['idempotency-key']
  if (given === undefined) return null
  return typeof given === 'string' && /^[\x21-\x7e]{1,255}$/.test(given)
    ? given
    : refuse('malformed_header', { message: 'Idempotency-Key takes 1 to 255 visible ASCII characters' })
}

/**
 * What a library sets on every response, learned once. helmet decides the same headers for every request of an API;
 * running it each time costs 32 µs of a request's 200.
 */
function learn(middleware: ReturnType<typeof helmet>): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {}
  const recorder = {
    setHeader: (name: string, value: string) => void (headers[name] = value),
    removeHeader: (name: string) => void delete headers[name],
  }
  middleware({} as IncomingMessage, recorder as unknown as ServerResponse, () => {})
  return headers
}

/** Headers of every JSON answer: nothing in it may be run, framed, sniffed or cached. */
export const apiHeaders: Readonly<Record<string, string>> = {
  ...learn(
    helmet({
      contentSecurityPolicy: { useDefaults: false, directives: { 'default-src': ["'none'"], 'frame-ancestors': ["'none'"] } },
      // Served on loopback or behind somebody's TLS; it is not for this process to pin a host to https.
      strictTransportSecurity: false,
    }),
  ),
  'Cache-Control': 'no-store',
}

/** Headers of the API page, which brings its own scripts and styles from this host only. */
export const pageHeaders: Readonly<Record<string, string>> = learn(
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
