import { encodeExtended } from 'content-disposition'
import fresh from 'fresh'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FileResponse } from '../platform/kernel/content.ts'
import { waitForDrain } from './streamResponse.ts'

export const isFileResponse = (value: unknown): value is FileResponse => typeof value === 'object' && value !== null && 'pieces' in value

/**
 * Uploaded files are served under the API's own origin, so nothing in them may act there: no script, no request, no form.
 * `sandbox` gives the page an opaque origin.
 */
const CONTENT_SECURITY_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'"

/**
 * `Content-Disposition` (RFC 6266). Clients that do not know `filename*` get the name in ASCII. Quotes, backslashes and
 * escapes are replaced in it, because clients differ in how they read them. The parameter is always quoted: the
 * formatter of `content-disposition` leaves the quotes out where a name has the form of a token.
 */
export function dispositionOf(disposition: FileResponse['disposition'], name: string | null): string {
  if (name === null) return disposition
  const asciiName = name.replaceAll(/[^\x20-\x7e]|["\\%]/g, '_')
  return `${disposition}; filename="${asciiName}"${asciiName === name ? '' : `; filename*=${encodeExtended(name)}`}`
}

/**
 * True when `If-None-Match` names this version (RFC 9110 §13.1.2). The other conditions of the request are not passed
 * on: there is no modification date, and a file never changes, so `Cache-Control: no-cache` needs no new copy.
 */
export const isNotModified = (request: IncomingMessage, etag: string): boolean =>
  fresh({ 'if-none-match': request.headers['if-none-match'] }, { etag })

/**
 * Sends a file. A failure before the first piece is still answered with a refusal. A failure after it closes the
 * connection, so that the client cannot take half a file for a whole one.
 */
export async function sendFile(
  request: IncomingMessage,
  response: ServerResponse,
  base: Readonly<Record<string, string>>,
  file: FileResponse,
): Promise<void> {
  const etag = `"${file.sha256}"`
  const headers = {
    ...base,
    'Content-Security-Policy': CONTENT_SECURITY_POLICY,
    'Cache-Control': 'private, max-age=60',
    ETag: etag,
  }
  if (isNotModified(request, etag)) return void response.writeHead(304, headers).end()
  const fullHeaders = {
    ...headers,
    'Content-Type': file.contentType,
    'Content-Length': String(file.byteSize),
    'Content-Disposition': dispositionOf(file.disposition, file.name),
  }
  if (request.method === 'HEAD') return void response.writeHead(200, fullHeaders).end()
  const pieces = file.pieces()
  try {
    let next = await pieces.next()
    response.writeHead(200, fullHeaders)
    while (next.done !== true && !response.destroyed) {
      if (!response.write(next.value)) await waitForDrain(response)
      next = await pieces.next()
    }
    response.end()
  } finally {
    await pieces.return(undefined)
  }
}
