import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { StreamResponse } from '../platform/kernel/content.ts'

/** Chunks are collected up to about this size, because one write per line would cost more than the line. */
const WRITE_CHARS = 64 * 1024

export const isStreamResponse = (value: unknown): value is StreamResponse =>
  typeof value === 'object' && value !== null && 'chunks' in value

/**
 * Sends a stream at the speed of the client. A failure before the first chunk is still answered with a refusal. A failure
 * after it closes the connection, so that the client cannot take half an answer for a whole one.
 */
export async function sendStream(
  response: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string>>,
  stream: StreamResponse,
): Promise<void> {
  const { chunks } = stream
  let next = await chunks.next()
  response.writeHead(status, { ...headers, ...stream.headers, 'Content-Type': stream.contentType })
  try {
    let gathered = ''
    while (next.done !== true && !response.destroyed) {
      gathered += next.value
      if (gathered.length >= WRITE_CHARS) {
        const isFull = !response.write(gathered)
        gathered = ''
        if (isFull) await waitForDrain(response)
      }
      next = await chunks.next()
    }
    response.end(gathered)
  } finally {
    await chunks.return(undefined)
  }
}

/** Resolves when the client has read everything that was sent, or has disconnected. */
export async function waitForDrain(response: ServerResponse): Promise<void> {
  const waiting = new AbortController()
  try {
    await Promise.race([once(response, 'drain', { signal: waiting.signal }), once(response, 'close', { signal: waiting.signal })])
  } finally {
    waiting.abort()
  }
}
