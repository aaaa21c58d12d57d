// One HTTP request and its answer, without a test runner.

import { exchange } from './exchange.ts'
import type { Received } from './exchange.ts'

export interface Reply {
  readonly status: number
  readonly text: string
  // Bodies are looked at field by field.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly body: any
  readonly headers: Headers
}

export interface Request {
  readonly method: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as JSON, or as the form that it is; nothing is sent for undefined. */
  readonly body?: unknown
}

/** A body as it is sent. */
export interface Encoded {
  readonly contentType: string
  readonly bytes: Buffer
}

/** A body as bytes, with the type that says how to read them. */
export async function encodeBody(body: unknown): Promise<Encoded> {
  if (!(body instanceof FormData)) return { contentType: 'application/json', bytes: Buffer.from(JSON.stringify(body)) }
  const form = new Response(body)
  return { contentType: form.headers.get('content-type') ?? '', bytes: Buffer.from(await form.arrayBuffer()) }
}

function headersOf({ rawHeaders }: Received): Headers {
  const headers = new Headers()
  for (let at = 0; at < rawHeaders.length; at += 2) headers.append(rawHeaders[at] ?? '', rawHeaders[at + 1] ?? '')
  return headers
}

/** Sends one request. */
export async function sendRequest(url: string, { method, path, headers = {}, body }: Request): Promise<Reply> {
  const encoded = body === undefined ? null : await encodeBody(body)
  const type = encoded === null ? {} : { 'content-type': encoded.contentType }
  const received = await exchange(`${url}${path}`, { method, headers: { ...headers, ...type }, bytes: encoded?.bytes ?? null })
  const text = received.bytes.toString('utf8')
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    parsed = undefined
  }
  return { status: received.status, text, body: parsed, headers: headersOf(received) }
}
