// The last step of a request: writes a rendered answer, a file, a stream or a live answer to the response.

import type { RenderedResponse } from '../platform/db/types.ts'
import type { Exchange } from './exchange.ts'
import { isFileResponse, sendFile } from './fileResponse.ts'
import { apiHeaders } from './headers.ts'
import { isLiveResponse, sendLiveResponse } from './liveResponse.ts'
import { isStreamResponse, sendStream } from './streamResponse.ts'

const apiHeaderList = Object.entries(apiHeaders).flat()
const jsonType = ['Content-Type', 'application/json; charset=utf-8'] as const

/**
 * Sends a complete answer.
 * @param isReplay whether it is the stored answer of an earlier request with the same Idempotency-Key
 */
export function sendRendered({ response, trace }: Exchange, rendered: RenderedResponse, isReplay: boolean): void {
  // A flat list: an object of twenty headers for each answer would be nine kilobytes of garbage.
  const headers = [...apiHeaderList, 'X-Request-Id', trace.requestId]
  if (rendered.status !== 204) headers.push(...jsonType, 'Content-Length', String(Buffer.byteLength(rendered.body)))
  for (const [name, value] of Object.entries(rendered.headers)) headers.push(name, value)
  if (isReplay) headers.push('Idempotency-Replayed', 'true')
  response.writeHead(rendered.status, headers)
  response.end(rendered.body)
}

/**
 * Sends a file, a stream or a live answer.
 * @returns false when the value is none of them, and then nothing has been sent
 */
export async function sendStreamed(exchange: Exchange, value: unknown): Promise<boolean> {
  const { request, response, route, trace } = exchange
  const headers = { ...apiHeaders, 'X-Request-Id': trace.requestId }
  if (isFileResponse(value)) await sendFile(request, response, headers, value)
  else if (isStreamResponse(value)) await sendStream(response, route.status, headers, value)
  else if (isLiveResponse(value)) {
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
