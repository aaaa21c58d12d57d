// Follows the log of a run from an offset on.

import { addressOf } from '../../../api/client.ts'
import type { RunLog } from '../../../api/types.ts'
import { logPath } from './pieces.ts'

export interface FollowListener {
  readonly onOpen: () => void
  /** @param end the byte behind the piece */
  readonly onPiece: (content: string, end: number) => void
  /** The run has ended, and this was its whole log. */
  readonly onEnded: () => void
  /** The stream is broken, or there is nothing left to read. */
  readonly onBroken: () => void
}

/** @returns ends the stream */
export function followFrom(runId: string, offset: number, listener: FollowListener): () => void {
  const source = new EventSource(addressOf(logPath(runId), { follow: true, offset }))
  source.addEventListener('open', listener.onOpen)
  source.addEventListener('message', ({ data, lastEventId }: MessageEvent<string>) => {
    listener.onPiece((JSON.parse(data) as RunLog).content, Number(lastEventId))
  })
  source.addEventListener('ended', () => {
    source.close()
    listener.onEnded()
  })
  source.addEventListener('error', () => {
    // The browser's own retry gives up after some answers, and it goes on while the page is hidden.
    source.close()
    listener.onBroken()
  })
  return () => source.close()
}
