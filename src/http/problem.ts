import type { Response } from 'express'
import type { z } from 'zod'
import { refusalOf } from '../db/faults.ts'
import { Refusal, refusals } from '../kernel/errors.ts'
import type { RefusalCode } from '../kernel/errors.ts'
import { apiHeaders } from './headers.ts'

interface WireIssue {
  readonly code: string
  readonly path: readonly (string | number)[]
  readonly message: string
  readonly [extra: string]: unknown
}

/** Names of the public wire for what the validator found; values that were sent are not repeated. */
const wireCodes: Readonly<Record<string, string>> = {
  invalid_value: 'invalid_enum_value',
  invalid_format: 'invalid_string',
}

/** The list of the public wire (`code, path, message, expected?, options?, keys?`) for what failed validation. */
export function wireIssues(error: z.ZodError): WireIssue[] {
  return error.issues.slice(0, 50).map((issue) => ({
    code: wireCodes[issue.code] ?? issue.code,
    path: issue.path.map((part) => (typeof part === 'number' ? part : String(part))),
    message: issue.message,
    ...('expected' in issue ? { expected: issue.expected } : {}),
    ...('values' in issue ? { options: issue.values } : {}),
    ...('keys' in issue ? { keys: issue.keys } : {}),
  }))
}

/** Refuses with the validator's findings. */
export const invalid = (error: z.ZodError): Refusal => new Refusal('validation_failed', { details: wireIssues(error) })

interface HttpError {
  readonly type?: string
  readonly status?: number
}

const parserFaults: Readonly<Record<string, RefusalCode>> = {
  'entity.too.large': 'body_too_large',
  'entity.parse.failed': 'malformed_json',
  'encoding.unsupported': 'unsupported_media_type',
  'charset.unsupported': 'unsupported_media_type',
}

/** What a failure means to the caller, or undefined when it is a bug of ours. */
export function understand(error: unknown): Refusal | undefined {
  if (error instanceof Refusal) return error
  const { type, status } = error as HttpError
  const code = type === undefined ? undefined : parserFaults[type]
  if (code !== undefined) return new Refusal(code)
  if (typeof status === 'number' && status >= 400 && status < 500) return new Refusal('bad_request')
  return refusalOf(error)
}

/** The body of a refusal in the server's own form or, where asked for, as RFC 9457. */
export function problemBody(refusal: Refusal, requestId: string, rfc9457: boolean): string {
  const own = {
    error: refusal.message,
    code: refusal.code,
    ...(refusal.details === undefined ? {} : { details: refusal.details }),
    requestId,
    ...refusal.beside,
  }
  if (!rfc9457) return JSON.stringify(own)
  return JSON.stringify({
    type: `urn:paperclip:problem:${refusal.code}`,
    title: refusals[refusal.code].message,
    status: refusal.status,
    detail: refusal.message,
    instance: `urn:paperclip:request:${requestId}`,
    ...own,
  })
}

/** Sends a refusal. */
export function sendRefusal(response: Response, refusal: Refusal, requestId: string): void {
  const rfc9457 = (response.req.headers.accept ?? '').includes('application/problem+json')
  const body = problemBody(refusal, requestId, rfc9457)
  response.writeHead(refusal.status, {
    ...apiHeaders,
    'Content-Type': rfc9457 ? 'application/problem+json; charset=utf-8' : 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(body),
    'X-Request-Id': requestId,
    ...(refusal.status === 401 ? { 'WWW-Authenticate': 'Bearer' } : {}),
    ...(refusal.retryAfter === undefined ? {} : { 'Retry-After': String(refusal.retryAfter) }),
    // The rest of a body that was too large is not read, so the connection cannot serve another request.
    ...(refusal.status === 413 ? { Connection: 'close' } : {}),
  })
  response.end(body)
}
