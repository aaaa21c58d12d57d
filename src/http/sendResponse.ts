// The last step of a request: writes a rendered answer, a file, a stream or a live answer to the response.

import type { RenderedResponse } from '../platform/db/types.ts'
import { compressed, varyOf } from './compress.ts'
import { answerTag } from './entityTag.ts'
import type { Exchange, IdentifiedExchange } from './exchange.ts'
import { isFileResponse, isNotModified, sendFile } from './fileResponse.ts'
import { apiHeaders } from './headers.ts'
import { isLiveResponse, sendLiveResponse } from './liveResponse.ts'
import { isStreamResponse, sendStream } from './streamResponse.ts'

const apiHeaderList = Object.entries(apiHeaders).flat()
const jsonType = ['Content-Type', 'application/json; charset=utf-8'] as const
const noType = [] as const

/**
 * Sends a complete answer.
 * @param isReplay whether it is the stored answer of an earlier request with the same Idempotency-Key
 */
export async function sendRendered(exchange: IdentifiedExchange, rendered: RenderedResponse, isReplay: boolean): Promise<void> {
  const { deps, reader, request, response, route, trace } = exchange
  const bytes = rendered.bytes ?? Buffer.byteLength(rendered.body)
  // The text is counted, which is in memory until it is compressed and is more than what is sent.
  deps.traffic.answers.count(reader, response, bytes, route.method === 'get')
  const short = await compressed(request, rendered.body, bytes)
  // A flat list: an object of twenty headers for each answer would be nine kilobytes of garbage.
  const headers = [...apiHeaderList, 'X-Request-Id', trace.requestId]
  const version = route.method === 'get' ? rendered.headers['ETag'] : undefined
  const tag = version === undefined ? undefined : answerTag(version, rendered.body)
  if (tag !== undefined && isNotModified(request, tag)) {
    response.writeHead(304, [...headers, 'ETag', tag, 'Vary', varyOf(response)])
    return void response.end()
  }
  const ownType = rendered.headers['Content-Type'] === undefined ? jsonType : noType
  if (rendered.status !== 204) headers.push(...ownType, 'Vary', varyOf(response), 'Content-Length', String(short?.body.length ?? bytes))
  if (short !== null) headers.push('Content-Encoding', short.coding)
  for (const [name, value] of Object.entries(rendered.headers)) {
    if (name === 'Set-Cookie') headers.push(...value.split('\n').flatMap((cookie) => [name, cookie]))
    else headers.push(name, name === 'ETag' ? (tag ?? value) : value)
  }
  if (isReplay) headers.push('Idempotency-Replayed', 'true')
  response.writeHead(rendered.status, headers)
  if (short !== null) response.end(short.body)
  // Without a letter beyond ASCII both encodings are the same, and the text need not be looked through again.
  else response.end(rendered.body, bytes === rendered.body.length ? 'latin1' : 'utf8')
}

/** Bytes that one streamed answer keeps in memory for a slow reader: a piece of a file, or some chunks. */
const STREAM_BYTES = 512 * 1024

/**
 * Sends a file, a stream or a live answer.
 * @throws Refusal `answers_unread`, `busy` before anything is sent
 * @returns false when the value is none of them, and then nothing has been sent
 */
export async function sendStreamed(exchange: IdentifiedExchange, value: unknown): Promise<boolean> {
  const { deps, reader, request, response, route, trace } = exchange
  // A live answer has limits of its own: it lasts, and is closed when its client is slow.
  if (isFileResponse(value) || isStreamResponse(value)) deps.traffic.answers.count(reader, response, STREAM_BYTES, true)
  const headers = { ...apiHeaders, 'X-Request-Id': trace.requestId }
  if (isFileResponse(value)) await sendFile(request, response, headers, value)
  else if (isStreamResponse(value)) await sendStream(response, route.status, headers, value)
  else if (isLiveResponse(value)) {
    trace.isLive = true
    reportClosedStream(exchange)
    sendLiveResponse(response, route.status, headers, value)
  } else return false
  return true
}

/** A live answer usually ends because its client disconnects, and then the response never emits `finish`. */
function reportClosedStream({ response, trace }: Exchange): void {
  response.once('close', () => {
    if (!response.writableFinished) trace.onFinished()
  })
}
