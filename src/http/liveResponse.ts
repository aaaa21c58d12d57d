import type { ServerResponse } from 'node:http'

/** The way to a reader whose answer has no end of its own. */
export interface Sink {
  /** Sends at once. Never waits: whoever sends asks `waiting` before. */
  readonly write: (text: string) => void
  /** Bytes that have been sent and that the reader has not taken. */
  readonly pendingBytes: () => number
  /** Resolves when the reader has taken everything, or is gone: true, or false when it has not within `ms`. */
  readonly drained: (ms: number) => Promise<boolean>
  /** Ends the answer in order. */
  readonly end: () => void
  /** Hangs up on a reader that does not take what it is sent. */
  readonly destroy: () => void
}

/** An answer that goes on until its reader leaves or somebody ends it. */
export interface LiveResponse {
  readonly contentType: string
  /** @returns what to do when it is over, whoever ended it */
  readonly open: (sink: Sink) => () => void
}

export const isLiveResponse = (value: unknown): value is LiveResponse => typeof value === 'object' && value !== null && 'open' in value

/** Opens a live answer, and returns at once. Nothing between here and the reader may hold it back to gather more. */
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
  // The reader may have left before it was answered.
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
