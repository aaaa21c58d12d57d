import { isUtf8 } from 'node:buffer'
import type { IncomingMessage } from 'node:http'
import express from 'express'
import type { Request, RequestHandler, Response } from 'express'
import { holdFields } from '../model/issues.ts'
import { refuse } from '../platform/kernel/errors.ts'

/** Levels of nesting: enough for any configuration, and safe for every recursive function that reads the body later. */
const MAX_DEPTH = 64
/**
 * Values of one JSON body, at all levels together. A reader of a body spends more time on each of them than on each byte: 256 KB of short
 * keys kept the event loop for a quarter of a second. An honest body, such as the report of a run, has some hundreds.
 */
const MAX_VALUES = 10_000

const parsers = new Map<number, RequestHandler>()

const bodyBytes: unique symbol = Symbol('bytes of the body')
const bodyKeys: unique symbol = Symbol('keys in the text of the body')
const rawBytes: unique symbol = Symbol('the body as it was sent')

interface ReadRequest extends IncomingMessage {
  [bodyBytes]?: number
  /** Keys in the text of a JSON body, each as often as it stands there. */
  [bodyKeys]?: number
  /** Null for a request whose body is to be kept as it was sent, until it is there. */
  [rawBytes]?: Buffer | null
}

/** The bytes of a JSON body, after decompression; of any other body, as they were sent. */
export const bodyBytesOf = (request: ReadRequest): number => request[bodyBytes] ?? Number(request.headers['content-length'] ?? 0)

/** Keeps the bytes of the body beside its value, for a signature over them. Call it before the body is read. */
export const keepRawBody = (request: ReadRequest): void => void (request[rawBytes] = null)

/** The body as it was sent, of a request for which that was asked; empty for one without a body. */
export const rawBodyOf = (request: ReadRequest): Buffer => request[rawBytes] ?? Buffer.alloc(0)

/** JSON text is UTF-8. Decoding other bytes would silently replace characters. */
function requireReadable(request: ReadRequest, _response: unknown, body: Buffer, encoding: string): void {
  if (encoding !== 'utf-8') refuse('unsupported_media_type', { message: 'JSON is UTF-8' })
  request[bodyBytes] = body.length
  if (request[rawBytes] === null) request[rawBytes] = body
  if (!isUtf8(body)) refuse('malformed_json', { message: 'Request body is not valid UTF-8' })
  request[bodyKeys] = requireFewValues(body)
}

const [QUOTE, COMMA, COLON, OPEN_LIST, BACKSLASH, OPEN_OBJECT] = [0x22, 0x2c, 0x3a, 0x5b, 0x5c, 0x7b]

/**
 * Refuses a JSON text of too many values before it is parsed, because the parser is what keeps the event loop longest. Each value but
 * the first stands behind a comma or an opening bracket, outside of texts.
 * @returns the number of keys: each stands before a colon outside of texts
 * @throws Refusal `bad_request`
 */
function requireFewValues(body: Buffer): number {
  let values = 0
  let keys = 0
  let isInText = false
  for (let index = 0; index < body.length; index += 1) {
    const byte = body[index]
    if (isInText) {
      if (byte === BACKSLASH) index += 1
      else if (byte === QUOTE) isInText = false
    } else if (byte === QUOTE) isInText = true
    else if (byte === COMMA || byte === OPEN_LIST || byte === OPEN_OBJECT) values += 1
    else if (byte === COLON) keys += 1
  }
  if (values > MAX_VALUES) refuse('bad_request', { message: `JSON has more than ${MAX_VALUES} values` })
  return keys
}

function parserOf(limit: number): RequestHandler {
  const cached = parsers.get(limit)
  if (cached !== undefined) return cached
  const parser = express.json({ limit, strict: false, verify: requireReadable })
  parsers.set(limit, parser)
  return parser
}

/**
 * Refuses values that no column can hold (NUL, lone surrogates) and nesting that could overflow the stack.
 * @returns the number of keys of all objects in it
 * @throws Refusal `bad_request`
 */
export function requireStorable(value: unknown): number {
  let keys = 0
  const stack: { value: unknown; depth: number }[] = [{ value, depth: 0 }]
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const { value: current, depth } = next
    if (typeof current === 'string') requireStorableText(current)
    else if (typeof current === 'object' && current !== null) {
      if (depth === MAX_DEPTH) refuse('bad_request', { message: `JSON is nested deeper than ${MAX_DEPTH} levels` })
      if (Array.isArray(current)) for (const item of current) stack.push({ value: item, depth: depth + 1 })
      else
        for (const key of Object.keys(current)) {
          keys += 1
          requireStorableText(key)
          stack.push({ value: (current as Record<string, unknown>)[key], depth: depth + 1 })
        }
    }
  }
  return keys
}

function requireStorableText(text: string): void {
  if (text.includes('\0')) refuse('bad_request', { message: 'Text may not contain NUL' })
  // Node 20 has `isWellFormed`; the type library ES2023 does not declare it.
  const wellFormed = (text as unknown as { isWellFormed(): boolean }).isWellFormed()
  if (!wellFormed) refuse('bad_request', { message: 'Text contains a lone surrogate' })
}

const hasBody = (request: IncomingMessage): boolean =>
  request.headers['transfer-encoding'] !== undefined ||
  (request.headers['content-length'] !== undefined && request.headers['content-length'] !== '0')

/**
 * Reads the JSON body of a request, after the caller is known and within the route's limit.
 * @returns the parsed value, or undefined when there is no body
 * @throws Refusal `malformed_json`, `body_too_large`, `unsupported_media_type`, `bad_request`
 */
export async function readBody(request: Request, response: Response, limit: number): Promise<unknown> {
  if (!hasBody(request)) return undefined
  await new Promise<void>((resolve, reject) => {
    void parserOf(limit)(request, response, (error?: unknown) => (error === undefined ? resolve() : reject(error as Error)))
  })
  const body: unknown = request.body
  if (body === undefined) return refuse('unsupported_media_type')
  // The parser keeps the last of two equal keys, and a proxy or a log may have read the first: the text has more keys than the value.
  if (requireStorable(body) !== ((request as ReadRequest)[bodyKeys] ?? 0))
    refuse('bad_request', { message: 'JSON has the same key twice in one object' })
  return body
}

const plain = (name: string): string => name.replaceAll(/[_-]/g, '').toLowerCase()
const plainHoldFields: ReadonlySet<string> = new Set(holdFields.map(plain))

/**
 * Refuses a body that names a lock column, in any spelling. Fields that this server does not use are dropped, because clients of
 * Paperclip send some; but a client that writes `{"executionRunId": null}` believes that it takes a hold away, and a 200 would
 * confirm it. Only checkout, release, force-release and the end of a run move a hold (LOCK_PROTOCOL §2).
 * @throws Refusal `validation_failed` naming the fields
 */
export function refuseHoldFields(body: unknown): void {
  if (typeof body !== 'object' || body === null) return
  const named = Object.keys(body).filter((key) => plainHoldFields.has(plain(key)))
  if (named.length === 0) return
  refuse('validation_failed', {
    details: named.map((name) => ({
      code: 'unrecognized_keys',
      path: [name],
      message: `${name} is not written: use checkout, release or admin/force-release`,
      keys: [name],
    })),
  })
}
