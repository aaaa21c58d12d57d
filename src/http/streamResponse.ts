import { once } from 'node:events'
import type { ServerResponse } from 'node:http'

/** An answer that is sent while it is made, for what may not fit into memory. */
export interface StreamResponse {
  readonly contentType: string
  /** Sent beside the headers of every answer, and instead of one of the same name. */
  readonly headers?: Readonly<Record<string, string>>
  readonly chunks: AsyncGenerator<string>
}

/** Chunks are gathered to about this size: a write per line would cost more than the line. */
const WRITE_CHARS = 64 * 1024

export const isStreamResponse = (value: unknown): value is StreamResponse =>
  typeof value === 'object' && value !== null && 'chunks' in value

/**
 * Sends a stream at the speed of its reader. What fails before the first chunk is still a proper refusal; after that the
 * connection is cut, so that half an answer cannot be taken for a whole one.
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

/** Resolves when the reader has caught up, or has gone. */
export async function waitForDrain(response: ServerResponse): Promise<void> {
  const waiting = new AbortController()
  try {
    await Promise.race([once(response, 'drain', { signal: waiting.signal }), once(response, 'close', { signal: waiting.signal })])
  } finally {
    waiting.abort()
  }
}
