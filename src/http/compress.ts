import { promisify } from 'node:util'
import { brotliCompress, brotliCompressSync, constants, gzip, gzipSync } from 'node:zlib'
import type { Request, Response } from 'express'

/** Shorter answers are a packet or two in any case. */
const MIN_BYTES = 1024
/** Up to here the compression takes a tenth of a millisecond, and a thread of the pool would cost more. */
const SYNC_BYTES = 16 * 1024

// The fastest levels: they halve the time of the usual ones and lose a twentieth of the size (decision 0045).
const brotliOptions = { params: { [constants.BROTLI_PARAM_QUALITY]: 1, [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT } }
const gzipOptions = { level: 1 }

const [brotliLater, gzipLater] = [promisify(brotliCompress), promisify(gzip)]

/** The codings of this server, the better one first. */
export const codings = ['br', 'gzip'] as const
export type Coding = (typeof codings)[number]

/** The coding that a client accepts; null for none. A client that sends no `Accept-Encoding` gets the text as it is. */
export function codingFor(request: Request): Coding | null {
  if (request.headers['accept-encoding'] === undefined || request.method === 'HEAD') return null
  return codings.find((coding) => request.acceptsEncodings(coding) === coding) ?? null
}

/** `Vary` of an answer that may be compressed, with what was set before, such as `Origin`. */
export function varyOf(response: Response): string {
  const before = response.getHeader('Vary')
  return before === undefined ? 'Accept-Encoding' : [before, 'Accept-Encoding'].flat().join(', ')
}

/**
 * Compresses an answer that is long enough, beside the event loop when it is long.
 * @returns null for an answer that is sent as it is
 */
export async function compressed(request: Request, text: string, bytes: number): Promise<{ coding: Coding; body: Buffer } | null> {
  if (bytes < MIN_BYTES) return null
  const coding = codingFor(request)
  if (coding === null) return null
  const isSync = bytes <= SYNC_BYTES
  if (coding === 'br') return { coding, body: isSync ? brotliCompressSync(text, brotliOptions) : await brotliLater(text, brotliOptions) }
  return { coding, body: isSync ? gzipSync(text, gzipOptions) : await gzipLater(text, gzipOptions) }
}
