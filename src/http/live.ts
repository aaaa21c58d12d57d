import type { ServerResponse } from 'node:http'

/** The way to a reader whose answer has no end of its own. */
export interface Sink {
  /** Sends at once. Never waits: whoever sends asks `waiting` before. */
  readonly write: (text: string) => void
  /** Bytes that have been sent and that the reader has not taken. */
  readonly waiting: () => number
  /** Resolves when the reader has taken everything, or is gone: true, or false when it has not within `ms`. */
  readonly caughtUp: (ms: number) => Promise<boolean>
  /** Ends the answer in order. */
  readonly end: () => void
  /** Hangs up on a reader that does not take what it is sent. */
  readonly cut: () => void
}

/** An answer that goes on until its reader leaves or somebody ends it. */
export interface Live {
  readonly contentType: string
  /** @returns what to do when it is over, whoever ended it */
  readonly open: (sink: Sink) => () => void
}

export const isLive = (value: unknown): value is Live => typeof value === 'object' && value !== null && 'open' in value

/** Opens a live answer, and returns at once. Nothing between here and the reader may hold it back to gather more. */
export function sendLive(response: ServerResponse, status: number, headers: Readonly<Record<string, string>>, live: Live): void {
  response.writeHead(status, { ...headers, 'Content-Type': live.contentType, 'X-Accel-Buffering': 'no' })
  response.flushHeaders()
  const close = live.open({
    write: (text) => void (response.destroyed || response.writableEnded || response.write(text)),
    waiting: () => response.writableLength,
    caughtUp: (ms) => caughtUp(response, ms),
    end: () => void response.end(),
    cut: () => void response.destroy(),
  })
  // The reader may have left before it was answered.
  if (response.destroyed) close()
  else response.once('close', close)
}

async function caughtUp(response: ServerResponse, ms: number): Promise<boolean> {
  if (response.destroyed || !response.writableNeedDrain) return true
  return await new Promise<boolean>((resolve) => {
    const settle = (isCaughtUp: boolean): void => {
      clearTimeout(timer)
      response.off('drain', taken)
      response.off('close', taken)
      resolve(isCaughtUp)
    }
    const taken = (): void => settle(true)
    const timer = setTimeout(settle, ms, false)
    response.on('drain', taken)
    response.on('close', taken)
  })
}
