// Reads an upload: a multipart form with one file, within limits of size and of concurrent uploads.

import { createHash } from 'node:crypto'
import { Busboy } from '@fastify/busboy'
import type { BusboyInstance } from '@fastify/busboy'
import { createFileNameReader } from './extendedFileName.ts'
import type { Request, Response } from 'express'
import type { ReceivedFile } from '../platform/kernel/content.ts'
import { Refusal, refuse } from '../platform/kernel/errors.ts'
import { createSemaphore } from '../platform/kernel/semaphore.ts'
import type { Reader } from './answersInFlight.ts'
import { requireStorable } from './body.ts'

/** The name of the part that carries the file in Paperclip's API. */
const FILE_FIELD = 'file'

/** The forms of this API have at most one field in addition to the file. A form with more fields than this was not made for them. */
const MAX_FIELDS = 8
const MAX_FIELD_BYTES = 4096
const MAX_PART_HEADER_BYTES = 8192
const MAX_PART_HEADERS = 16

/** Upper bound for the parts of a form that are not its file: boundaries, headers, fields. */
const FORM_OVERHEAD_BYTES = 128 * 1024

/**
 * After a form is refused, up to 32 MB more are read and dropped, because a client that is still sending can read the
 * answer only while the connection stays open. Beyond that the connection is closed.
 */
const DRAIN_BYTES = 32 * 1024 * 1024

/** How long the parser may take after the whole form was received. It then waits only for turns of this process's event loop. */
const PARSER_TIMEOUT_MS = 2000

/** Uploads in progress. Each takes up to 10 MB of memory, and twice that on its way to the database. */
const MAX_UPLOADS = 16
/** Half for people, a quarter for one agent, three quarters for all agents: no agents together keep people out. */
const MAX_UPLOADS_PER_PERSON = 8
const MAX_UPLOADS_PER_AGENT = 4
const MAX_UPLOADS_OF_AGENTS = 12
/** An upload that receives nothing for this long is refused, and its slot is free. */
const STALLED_UPLOAD_MS = 10_000

const uploadSlots = createSemaphore()

/**
 * Takes an upload slot. The limit is per process: sixteen in all, twelve for agents, four for each of them.
 * @returns a function that releases the slot
 * @throws Refusal `busy`
 */
export const acquireUploadSlot = (sender: Reader): (() => void) =>
  uploadSlots.tryAcquire([
    { key: 'all', max: MAX_UPLOADS },
    ...(sender.isAgent ? [{ key: 'agents', max: MAX_UPLOADS_OF_AGENTS }] : []),
    { key: `sender ${sender.key}`, max: sender.isAgent ? MAX_UPLOADS_PER_AGENT : MAX_UPLOADS_PER_PERSON },
  ]) ?? refuse('busy', { message: 'Too many uploads in progress; retry later', retryAfter: 1 })

/** RFC 2046 §5.1.1: a boundary has 1 to 70 characters. */
const boundary = /;\s*boundary=(?:"[^"\r\n]{1,70}"|[^\s;",]{1,70})\s*(?:;|$)/i

function requireMultipart(request: Request): string {
  const type = request.headers['content-type'] ?? ''
  if (!/^\s*multipart\/form-data\s*(?:;|$)/i.test(type)) {
    refuse('unsupported_media_type', { message: 'Send a file with Content-Type: multipart/form-data' })
  }
  if (!boundary.test(type)) refuse('malformed_form', { message: 'multipart/form-data without a boundary' })
  const encoding = request.headers['content-encoding']
  if (encoding !== undefined && encoding.trim().toLowerCase() !== 'identity') {
    refuse('unsupported_media_type', { message: 'A form with a file may not be compressed' })
  }
  return type.trim()
}

const truncatedFormRefusal = (): Refusal => new Refusal('malformed_form', { message: 'The form ends early or is not multipart/form-data' })

interface FormParts {
  readonly fields: Map<string, string>
  readonly files: { readonly chunks: Buffer[]; readonly name: string | null; readonly declaredType: string }[]
}

/** Collects fields and file from a parser, and reports each fault to `fail`. */
function collectParts(parser: BusboyInstance, fileLimit: number, parts: FormParts, fail: (refusal: Refusal) => void): void {
  const malformed = (message: string): void => fail(new Refusal('malformed_form', { message }))
  parser.on('error', () => fail(truncatedFormRefusal()))
  parser.on('filesLimit', () => malformed('One file at a time'))
  parser.on('fieldsLimit', () => malformed('Too many fields'))
  parser.on('partsLimit', () => malformed('Too many parts'))
  parser.on('field', (name: string | undefined, value, _nameCut, isCut) => {
    if (name === undefined) return malformed('A part has no name')
    if (isCut) return malformed('A field is too long')
    if (parts.fields.has(name)) return malformed('A field is given twice')
    parts.fields.set(name, value)
  })
  parser.on('file', (...part) => {
    const [name, stream, , , declaredType] = part
    // The parser's types hide that a part may come without a file name.
    const filename: string | undefined = part[2]
    const chunks: Buffer[] = []
    // The parser reports a form that ends inside a file on the stream of the file, too.
    stream.on('error', () => fail(truncatedFormRefusal()))
    stream.on('limit', () => {
      chunks.length = 0
      fail(new Refusal('file_too_large', { message: `File exceeds ${fileLimit} bytes` }))
    })
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    if (name !== FILE_FIELD) return malformed(`Missing file field '${FILE_FIELD}'`)
    parts.files.push({ chunks, name: filename === undefined || filename === '' ? null : filename, declaredType })
  })
}

/** The first fault of a form, and who looks at it. */
interface FormWatch {
  readonly fail: (refusal: Refusal) => void
  readonly failed: () => boolean
  /** Sees each piece of the form as well. */
  readonly look: (chunk: Buffer) => void
}

/**
 * Feeds the body of a request to a parser.
 * @param limit bytes of the whole form
 * @returns true when the whole body was read, so that the connection can serve another request
 */
async function feedParser(request: Request, parser: BusboyInstance, limit: number, { fail, failed, look }: FormWatch): Promise<boolean> {
  return await new Promise<boolean>((resolve) => {
    let received = 0
    let timeout: NodeJS.Timeout | undefined
    const stalled = setTimeout(() => {
      fail(new Refusal('upload_stalled'))
      finish(false)
    }, STALLED_UPLOAD_MS)
    const finish = (isRead: boolean): void => {
      clearTimeout(timeout)
      clearTimeout(stalled)
      request.off('data', onData)
      request.off('end', onEnd)
      request.off('close', onClose)
      // The rest of the request is read and dropped.
      if (!isRead) request.resume()
      resolve(isRead)
    }
    const onData = (chunk: Buffer): void => {
      received += chunk.length
      stalled.refresh()
      if (received > limit) fail(new Refusal('body_too_large'))
      if (!failed()) {
        look(chunk)
        parser.write(chunk)
      }
      if (failed() && received > limit + DRAIN_BYTES) finish(false)
    }
    const onEnd = (): void => {
      // The request emits `close` after `end`, while the parser may still be busy with its last bytes.
      request.off('close', onClose)
      clearTimeout(stalled)
      if (failed()) return finish(true)
      // The parser emits `finish` for a complete form and `error` for an incomplete one. For some malformed forms it emits
      // neither, so there is a time limit.
      timeout = setTimeout(() => (fail(truncatedFormRefusal()), finish(true)), PARSER_TIMEOUT_MS)
      parser.once('finish', () => finish(true))
      parser.once('error', () => finish(true))
      parser.end()
    }
    const onClose = (): void => finish(false)
    request.on('data', onData)
    request.once('end', onEnd)
    request.once('close', onClose)
  })
}

/**
 * Reads a form with one file, after the caller is known. The file stays in the memory of this process.
 * @param fileLimit bytes of the file
 * @returns the fields by name, and the file as `file`
 * @throws Refusal `malformed_form`, `upload_stalled`, `file_too_large`, `file_empty`, `body_too_large`, `unsupported_media_type`, `bad_request`
 */
export async function readForm(request: Request, response: Response, fileLimit: number): Promise<Record<string, unknown>> {
  const type = requireMultipart(request)
  let refusal: Refusal | undefined
  const parts: FormParts = { fields: new Map(), files: [] }
  const parser = new Busboy({
    headers: { 'content-type': type },
    // The part named `file` is the file, also without a `filename` parameter.
    isPartAFile: (name, _type, filename) => filename !== undefined || name === FILE_FIELD,
    limits: {
      fileSize: fileLimit,
      files: 1,
      fields: MAX_FIELDS,
      parts: MAX_FIELDS + 2,
      fieldSize: MAX_FIELD_BYTES,
      headerPairs: MAX_PART_HEADERS,
      headerSize: MAX_PART_HEADER_BYTES,
    },
  })
  const fail = (firstRefusal: Refusal): void => void (refusal ??= firstRefusal)
  const nameReader = createFileNameReader(type, FILE_FIELD)
  collectParts(parser, fileLimit, parts, fail)
  const isRead = await feedParser(request, parser, fileLimit + FORM_OVERHEAD_BYTES, {
    fail,
    failed: () => refusal !== undefined,
    look: nameReader.write,
  })
  // On this connection the rest of the body would be read as the next request.
  if (!isRead) response.setHeader('Connection', 'close')
  if (refusal !== undefined) throw refusal
  if (!isRead) throw truncatedFormRefusal()
  return formOf(parts, nameReader.name())
}

function formOf({ fields, files }: FormParts, extendedName: string | null): Record<string, unknown> {
  const [file] = files
  if (file === undefined) return refuse('malformed_form', { message: `Missing file field '${FILE_FIELD}'` })
  const bytes = Buffer.concat(file.chunks)
  if (bytes.length === 0) return refuse('file_empty')
  const values = Object.fromEntries(fields)
  requireStorable(values)
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  return {
    ...values,
    [FILE_FIELD]: { bytes, sha256, name: extendedName ?? file.name, declaredType: file.declaredType } satisfies ReceivedFile,
  }
}

/** The form as it enters the request hash of an Idempotency-Key: the SHA-256 represents the bytes of the file. */
export function withoutBytes(form: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { bytes: _, ...file } = form[FILE_FIELD] as ReceivedFile
  return { ...form, [FILE_FIELD]: file }
}
