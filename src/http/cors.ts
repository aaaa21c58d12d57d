// Answers for pages of other origins that the operator lists. They have a bearer; cookies and accounts are never theirs.

import type { IncomingMessage, ServerResponse } from 'node:http'

/** How long a browser may keep the answer to a preflight, in seconds. */
const PREFLIGHT_MAX_AGE_S = 600

const requestHeaders = [
  'Authorization',
  'Content-Type',
  'Idempotency-Key',
  'If-Match',
  'If-None-Match',
  'Last-Event-ID',
  'X-Paperclip-Lock-Epoch',
  'X-Paperclip-Run-Id',
  'X-Request-Id',
  'traceparent',
].join(', ')

const responseHeaders = [
  'Content-Disposition',
  'ETag',
  'Idempotency-Replayed',
  'Link',
  'RateLimit',
  'RateLimit-Policy',
  'Retry-After',
  'X-Request-Id',
  'traceresponse',
].join(', ')

/** Whether a browser asks for permission to send a request (the Fetch standard, "CORS-preflight request"). */
export const isPreflight = ({ method, headers }: IncomingMessage): boolean =>
  method === 'OPTIONS' && headers.origin !== undefined && headers['access-control-request-method'] !== undefined

/** Lets a page of a listed origin read the answer. Without `Access-Control-Allow-Credentials`, so no cookie comes along. */
export function allowOrigin(response: ServerResponse, origin: string): void {
  response.setHeader('Access-Control-Allow-Origin', origin)
  response.setHeader('Access-Control-Expose-Headers', responseHeaders)
  response.setHeader('Vary', 'Origin')
}

/** Answers the preflight of a listed origin. */
export function sendPreflight(request: IncomingMessage, response: ServerResponse): void {
  const isPrivate = request.headers['access-control-request-private-network'] === 'true'
  response.writeHead(204, {
    'Access-Control-Allow-Methods': 'GET, HEAD, POST, PUT, PATCH, DELETE',
    'Access-Control-Allow-Headers': requestHeaders,
    'Access-Control-Max-Age': String(PREFLIGHT_MAX_AGE_S),
    ...(isPrivate ? { 'Access-Control-Allow-Private-Network': 'true' } : {}),
  })
  response.end()
}
