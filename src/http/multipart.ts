import { createHash } from 'node:crypto'
import { isUtf8 } from 'node:buffer'
import { Busboy } from '@fastify/busboy'
import type { BusboyInstance } from '@fastify/busboy'
import type { Request, Response } from 'express'
import { z } from 'zod'
import { Refusal, refuse } from '../platform/kernel/errors.ts'
import { requireStorable } from './body.ts'

/** A file as it came. What its sender says of it is a claim: of name and type nothing is true yet. */
export interface ReceivedFile {
  readonly bytes: Buffer
  /** Hex digits. */
  readonly sha256: string
  readonly name: string | null
  /** Media type, lower-case, without parameters. */
  readonly declaredType: string
}

/** What a route that takes a file says of it in its body. */
export const receivedFile = z
  .custom<ReceivedFile>((value) => typeof value === 'object' && value !== null && 'bytes' in value)
  .meta({ type: 'string', contentMediaType: 'application/octet-stream', description: 'The file' })

/** The part that carries the file, as every client of the public wire names it. */
const FILE_FIELD = 'file'

/** A form of ours has one field beside its file; more than these were not made for it. */
const MAX_FIELDS = 8
const MAX_FIELD_BYTES = 4096
const MAX_PART_HEADER_BYTES = 8192
const MAX_PART_HEADERS = 16

/** Everything of a form that is not its file: boundaries, headers, fields. */
const FORM_OVERHEAD_BYTES = 128 * 1024

/**
 * Of a form that is refused, so much more is read and dropped: a client that is still sending hears an answer only when
 * the connection is not torn down under it. Whoever sends more than this is not answered for its own good.
 */
const DRAIN_BYTES = 32 * 1024 * 1024

/** All of a form has been received by then, and its parser has nothing to wait for but the turns of this process. */
const PARSER_TIMEOUT_MS = 2000

/** 10 MB each, and twice that on the way to the database: so much of this process's memory may be files on their way. */
const MAX_UPLOADS = 16
/** Half of them, so that nobody who sends slowly keeps everybody else out. */
const MAX_UPLOADS_PER_SENDER = 8

const uploadSlots = new Map<string, number>()

/**
 * Takes a seat for a file on its way through this process.
 * @param sender sends it
 * @returns gives it back; once
 * @throws Refusal `busy`
 */
export function acquireUploadSlot(sender: string): () => void {
  const inUse = [...uploadSlots.values()].reduce((sum, count) => sum + count, 0)
  const own = uploadSlots.get(sender) ?? 0
  if (inUse >= MAX_UPLOADS || own >= MAX_UPLOADS_PER_SENDER) {
    refuse('busy', { message: 'Too many files are being sent at once, try again', retryAfter: 1 })
  }
  uploadSlots.set(sender, own + 1)
  return () => {
    const left = (uploadSlots.get(sender) ?? 1) - 1
    if (left === 0) uploadSlots.delete(sender)
    else uploadSlots.set(sender, left)
  }
}

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

const truncatedForm = (): Refusal => new Refusal('malformed_form', { message: 'The form ends early or is not multipart/form-data' })

interface FormParts {
  readonly fields: Map<string, string>
  readonly files: { readonly chunks: Buffer[]; readonly name: string | null; readonly declaredType: string }[]
}

/** Listens to what a parser finds; the first thing that is wrong is told, and everything behind it is dropped. */
function collectParts(parser: BusboyInstance, fileLimit: number, parts: FormParts, fail: (refusal: Refusal) => void): void {
  const malformed = (message: string): void => fail(new Refusal('malformed_form', { message }))
  parser.on('error', () => fail(truncatedForm()))
  parser.on('filesLimit', () => malformed('One file at a time'))
  parser.on('fieldsLimit', () => malformed('Too many fields'))
  parser.on('partsLimit', () => malformed('Too many parts'))
  parser.on('field', (name: string | undefined, value, _nameCut, isCut) => {
    if (name === undefined) return malformed('A part has no name')
    if (isCut) return malformed('A field is too long')
    if (parts.fields.has(name)) return malformed('A field is given twice')
    parts.fields.set(name, value)
  })
  parser.on('file', (name: string | undefined, stream, filename: string | undefined, _encoding, declaredType) => {
    const chunks: Buffer[] = []
    // The parser tells of a form that ends inside a file on the file as well.
    stream.on('error', () => fail(truncatedForm()))
    stream.on('limit', () => {
      chunks.length = 0
      fail(new Refusal('file_too_large', { message: `File exceeds ${fileLimit} bytes` }))
    })
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    if (name !== FILE_FIELD) return malformed(`Missing file field '${FILE_FIELD}'`)
    parts.files.push({ chunks, name: filename === undefined || filename === '' ? null : filename, declaredType })
  })
}

/** What came of reading a form. */
interface FormFailure {
  readonly fail: (refusal: Refusal) => void
  readonly failed: () => boolean
}

/**
 * Feeds a request to a parser.
 * @param limit bytes of the whole form
 * @returns true when all of the request has been read, so that its connection can serve another
 */
async function feedParser(request: Request, parser: BusboyInstance, limit: number, { fail, failed }: FormFailure): Promise<boolean> {
  return await new Promise<boolean>((resolve) => {
    let received = 0
    let timeout: NodeJS.Timeout | undefined
    const finish = (isRead: boolean): void => {
      clearTimeout(timeout)
      request.off('data', onData)
      request.off('end', onEnd)
      request.off('close', onClose)
      // Whatever comes after is not kept.
      if (!isRead) request.resume()
      resolve(isRead)
    }
    const onData = (chunk: Buffer): void => {
      received += chunk.length
      if (received > limit) fail(new Refusal('body_too_large'))
      if (!failed()) parser.write(chunk)
      else if (received > limit + DRAIN_BYTES) finish(false)
    }
    const onEnd = (): void => {
      // The request closes behind its end, and what it said may still be on its way through the parser.
      request.off('close', onClose)
      if (failed()) return finish(true)
      // Says `finish` for a form that is whole, and an error for one that is not; should it ever say neither, nobody waits.
      timeout = setTimeout(() => (fail(truncatedForm()), finish(true)), PARSER_TIMEOUT_MS)
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
 * Reads a form with one file, after the caller is known. Nothing of it is kept outside the memory of this process.
 * @param fileLimit bytes of the file
 * @returns the fields by name, and the file as `file`
 * @throws Refusal `malformed_form`, `file_too_large`, `file_empty`, `body_too_large`, `unsupported_media_type`, `bad_request`
 */
export async function readForm(request: Request, response: Response, fileLimit: number): Promise<Record<string, unknown>> {
  const type = requireMultipart(request)
  let refusal: Refusal | undefined
  const parts: FormParts = { fields: new Map(), files: [] }
  const parser = new Busboy({
    headers: { 'content-type': type },
    // A part is the file by its name, whether or not its sender gave it the name of a file.
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
  collectParts(parser, fileLimit, parts, fail)
  const isRead = await feedParser(request, parser, fileLimit + FORM_OVERHEAD_BYTES, { fail, failed: () => refusal !== undefined })
  // What is left of the body cannot be told from another request.
  if (!isRead) response.setHeader('Connection', 'close')
  if (refusal !== undefined) throw refusal
  if (!isRead) throw truncatedForm()
  return formOf(parts)
}

function formOf({ fields, files }: FormParts): Record<string, unknown> {
  const [file] = files
  if (file === undefined) return refuse('malformed_form', { message: `Missing file field '${FILE_FIELD}'` })
  const bytes = Buffer.concat(file.chunks)
  if (bytes.length === 0) return refuse('file_empty')
  const values = Object.fromEntries(fields)
  requireStorable(values)
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  return { ...values, [FILE_FIELD]: { bytes, sha256, name: file.name, declaredType: file.declaredType } satisfies ReceivedFile }
}

/** A form as it is compared with another one under the same Idempotency-Key: its bytes are what they hash to. */
export function withoutBytes(form: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { bytes: _, ...file } = form[FILE_FIELD] as ReceivedFile
  return { ...form, [FILE_FIELD]: file }
}

/** True for bytes that are text: UTF-8 without NUL. */
export const isText = (bytes: Buffer): boolean => isUtf8(bytes) && !bytes.includes(0)
