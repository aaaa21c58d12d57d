import type { ServerResponse } from 'node:http'

/** The connection to the client of a live answer. */
export interface Sink {
  /** Sends without waiting. The caller checks `pendingBytes` first. */
  readonly write: (text: string) => void
  /** Bytes that were sent and that the client has not read yet. */
  readonly pendingBytes: () => number
  /** Resolves to true when the client has read everything or has disconnected, and to false after `ms` milliseconds. */
  readonly drained: (ms: number) => Promise<boolean>
  /** Completes the answer. */
  readonly end: () => void
  /** Closes the connection of a client that does not read. */
  readonly destroy: () => void
}

/** An answer without an end of its own: it lasts until the client disconnects or the server ends it. */
export interface LiveResponse {
  readonly contentType: string
  /** @returns a function to call when the answer has ended, for whatever reason */
  readonly open: (sink: Sink) => () => void
}

export const isLiveResponse = (value: unknown): value is LiveResponse => typeof value === 'object' && value !== null && 'open' in value

/** Opens a live answer and returns at once. `X-Accel-Buffering` asks proxies not to buffer it. */
export function sendLiveResponse(
  response: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string>>,
  live: LiveResponse,
): void {
  response.writeHead(status, { ...headers, 'Content-Type': live.contentType, 'X-Accel-Buffering': 'no' })
  response.flushHeaders()
  const close = live.open({
    write: (text) => void (response.destroyed || response.writableEnded || response.write(text)),
    pendingBytes: () => response.writableLength,
    drained: (ms) => waitUntilDrained(response, ms),
    end: () => void response.end(),
    destroy: () => void response.destroy(),
  })
  // The client may have disconnected before the answer was opened.
  if (response.destroyed) close()
  else response.once('close', close)
}

async function waitUntilDrained(response: ServerResponse, ms: number): Promise<boolean> {
  if (response.destroyed || !response.writableNeedDrain) return true
  return await new Promise<boolean>((resolve) => {
    const finish = (isDrained: boolean): void => {
      clearTimeout(timer)
      response.off('drain', onDrained)
      response.off('close', onDrained)
      resolve(isDrained)
    }
    const onDrained = (): void => finish(true)
    const timer = setTimeout(finish, ms, false)
    response.on('drain', onDrained)
    response.on('close', onDrained)
  })
}
