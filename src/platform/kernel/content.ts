// Files and streams as values: what a verb receives from the HTTP layer and what it returns to it. They are here and not
// in `http`, because verbs do not import `http`.

import { isUtf8 } from 'node:buffer'
import { z } from 'zod'

/** An uploaded file. Its name and its type are claims of the client; nothing has checked them yet. */
export interface ReceivedFile {
  readonly bytes: Buffer
  /** Hex digits. */
  readonly sha256: string
  readonly name: string | null
  /** Media type, lower-case, without parameters. */
  readonly declaredType: string
}

/** Schema of the `file` field in the body of a route that accepts an upload. */
export const receivedFile = z
  .custom<ReceivedFile>((value) => typeof value === 'object' && value !== null && 'bytes' in value)
  .meta({ type: 'string', contentMediaType: 'application/octet-stream', description: 'The file' })

/** A file as the answer of a route. */
export interface FileResponse {
  readonly contentType: string
  /** The exact number of bytes that `pieces` yields. */
  readonly byteSize: number
  /** SHA-256 of the bytes in hex digits; it is the entity tag. */
  readonly sha256: string
  /** Whether a browser may show the file (`inline`) or only save it (`attachment`). */
  readonly disposition: 'inline' | 'attachment'
  readonly name: string | null
  /** Reads the file piece by piece, at the speed of the client. */
  readonly pieces: () => AsyncGenerator<Buffer>
}

/** An answer that is sent while it is produced, for content that may not fit into memory. */
export interface StreamResponse {
  readonly contentType: string
  /** Sent with the headers of every answer; a header of the same name replaces the common one. */
  readonly headers?: Readonly<Record<string, string>>
  readonly chunks: AsyncGenerator<string>
}

/**
 * Headers of an image, in addition to those of every answer. When a browser opens the image as a page, the image gets no
 * script, no origin and nothing to fetch, whatever it contains.
 */
export const imageHeaders: Readonly<Record<string, string>> = {
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'; sandbox",
}

/** True for bytes that are text: UTF-8 without NUL. */
export const isText = (bytes: Buffer): boolean => isUtf8(bytes) && !bytes.includes(0)
