// Error answers: turns errors into refusals and refusals into response bodies.

import type { IncomingMessage } from 'node:http'
import type { Response } from 'express'
import type { z } from 'zod'
import { refusalOf } from '../platform/db/databaseErrors.ts'
import type { RenderedResponse } from '../platform/db/types.ts'
import { Refusal, refusals, refuse } from '../platform/kernel/errors.ts'
import type { RefusalCode } from '../platform/kernel/errors.ts'
import { compressed, varyOf } from './compress.ts'
import { apiHeaders } from './headers.ts'

interface WireIssue {
  readonly code: string
  readonly path: readonly (string | number)[]
  readonly message: string
  readonly [extra: string]: unknown
}

/** The names that Paperclip's API has for findings of the validator. Values that the client sent are not repeated. */
const wireCodes: Readonly<Record<string, string>> = {
  invalid_value: 'invalid_enum_value',
  invalid_format: 'invalid_string',
}

/** The findings of a failed validation as Paperclip's API lists them: `code, path, message, expected?, options?, keys?`. */
function wireIssues(error: z.ZodError): WireIssue[] {
  return error.issues.slice(0, 50).map((issue) => ({
    code: wireCodes[issue.code] ?? issue.code,
    path: issue.path.map((part) => (typeof part === 'number' ? part : String(part))),
    message: issue.message,
    ...('expected' in issue ? { expected: issue.expected } : {}),
    ...('values' in issue ? { options: issue.values } : {}),
    ...('keys' in issue ? { keys: issue.keys } : {}),
  }))
}

/** Refuses a value that failed validation. @throws Refusal `validation_failed`, with the findings as details */
export function refuseInvalid(error: z.ZodError): never {
  refuse('validation_failed', { details: wireIssues(error) })
}

/** The answer when this server has a bug. It reveals no cause. */
export interface InternalError {
  readonly status: 500
  readonly code: 'internal'
  readonly message: string
}

export const internalError: InternalError = Object.freeze({ status: 500, code: 'internal', message: 'Internal server error' })

/** An error answer. */
export type Problem = Refusal | InternalError

interface HttpError {
  readonly type?: string
  readonly status?: number
}

const parserRefusals: Readonly<Record<string, RefusalCode>> = {
  'entity.too.large': 'body_too_large',
  'entity.parse.failed': 'malformed_json',
  'encoding.unsupported': 'unsupported_media_type',
  'charset.unsupported': 'unsupported_media_type',
}

/** The refusal that an error means for the caller, or undefined when the error is a bug of this server. */
export function toRefusal(error: unknown): Refusal | undefined {
  if (error instanceof Refusal) return error
  const { type, status } = error as HttpError
  const code = type === undefined ? undefined : parserRefusals[type]
  if (code !== undefined) return new Refusal(code)
  if (typeof status === 'number' && status >= 400 && status < 500) return new Refusal('bad_request')
  return refusalOf(error)
}

/** The body of a problem, in this server's own form or as RFC 9457. */
export function problemBody(problem: Problem, requestId: string, rfc9457: boolean): string {
  const refusal = problem instanceof Refusal ? problem : undefined
  const body = {
    error: problem.message,
    code: problem.code,
    ...(refusal?.details === undefined ? {} : { details: refusal.details }),
    requestId,
    ...refusal?.extraFields,
  }
  if (!rfc9457) return JSON.stringify(body)
  return JSON.stringify({
    type: `urn:paperclip:problem:${problem.code}`,
    title: refusal === undefined ? problem.message : refusals[refusal.code].message,
    status: problem.status,
    detail: problem.message,
    instance: `urn:paperclip:request:${requestId}`,
    ...body,
  })
}

const wantsRfc9457 = (request: IncomingMessage): boolean => (request.headers.accept ?? '').includes('application/problem+json')

const typeOf = (rfc9457: boolean): string => (rfc9457 ? 'application/problem+json; charset=utf-8' : 'application/json; charset=utf-8')

/** The answer of a refusal for a later request that repeats this one. */
export function problemResponse(refusal: Refusal, request: IncomingMessage, requestId: string): RenderedResponse {
  const rfc9457 = wantsRfc9457(request)
  const headers = { 'Content-Type': typeOf(rfc9457), ...refusal.headers }
  return { status: refusal.status, headers, body: problemBody(refusal, requestId, rfc9457) }
}

/** Sends a problem, as RFC 9457 when the client accepts `application/problem+json`. One with a row in it may be long. */
export async function sendProblem(response: Response, problem: Problem, requestId: string): Promise<void> {
  const rfc9457 = wantsRfc9457(response.req)
  const body = problemBody(problem, requestId, rfc9457)
  const bytes = Buffer.byteLength(body)
  const short = await compressed(response.req, body, bytes)
  const retryAfter = problem instanceof Refusal ? problem.retryAfter : undefined
  response.writeHead(problem.status, {
    ...apiHeaders,
    'Content-Type': typeOf(rfc9457),
    'Content-Length': short?.body.length ?? bytes,
    ...(short === null ? {} : { 'Content-Encoding': short.coding }),
    Vary: varyOf(response),
    'X-Request-Id': requestId,
    ...(problem.status === 401 ? { 'WWW-Authenticate': 'Bearer' } : {}),
    ...(problem instanceof Refusal ? problem.headers : {}),
    ...(retryAfter === undefined ? {} : { 'Retry-After': String(retryAfter) }),
    // The rest of a body that was too large is not read, so the connection cannot serve another request. A caller with too
    // many connections has one less after this answer.
    ...(problem.status === 413 || problem.code === 'too_many_connections' ? { Connection: 'close' } : {}),
  })
  response.end(short?.body ?? body)
}
