import type { IncomingMessage, ServerResponse } from 'node:http'
import { waitForDrain } from './streamResponse.ts'

/** A file as an answer. */
export interface FileResponse {
  readonly contentType: string
  /** Exactly as many as `pieces` yields. */
  readonly byteSize: number
  /** What the bytes hash to; the entity tag. */
  readonly sha256: string
  /** May a browser show it, or only keep it. */
  readonly disposition: 'inline' | 'attachment'
  readonly name: string | null
  /** Reads it, at the speed of whoever takes it. */
  readonly pieces: () => AsyncGenerator<Buffer>
}

export const isFileResponse = (value: unknown): value is FileResponse => typeof value === 'object' && value !== null && 'pieces' in value

/**
 * What somebody uploaded is shown under the API's own origin, so nothing in it may act there: no script, no request, no
 * form, and an origin of its own that is nobody's.
 */
const CONTENT_SECURITY_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'"

/** RFC 8187 §3.2.1: `attr-char` stays, every other byte is escaped. */
const encodeExtended = (name: string): string =>
  encodeURIComponent(name).replaceAll(/['()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)

/**
 * `Content-Disposition` (RFC 6266). Readers that know no `filename*` get the name without what is not ASCII; quotes,
 * backslashes and escapes are taken out of it, because readers differ in what they make of them.
 */
export function dispositionOf(disposition: FileResponse['disposition'], name: string | null): string {
  if (name === null) return disposition
  const plain = name.replaceAll(/[^\x20-\x7e]|["\\%]/g, '_')
  return `${disposition}; filename="${plain}"${plain === name ? '' : `; filename*=UTF-8''${encodeExtended(name)}`}`
}

/** True when the reader says that it has this version (RFC 9110 §13.1.2). */
function isNotModified(request: IncomingMessage, etag: string): boolean {
  const given = request.headers['if-none-match']
  if (given === undefined) return false
  return given.split(',').some((tag) => tag.trim() === '*' || tag.trim().replace(/^W\//, '') === etag)
}

/**
 * Sends a file. What fails before the first piece is still a proper refusal; after that the connection is cut, so that
 * half a file cannot be taken for a whole one.
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
