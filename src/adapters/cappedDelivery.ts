// Delivery of output to a listener: one chunk at a time for each stream, and one cap over stdout and stderr.
import { setTimeout as sleep } from 'node:timers/promises'
import { emit } from './adapter.ts'
import type { Chunk, OutputTotals, RunListener } from './adapter.ts'
import { firstBytes, tailBuffer } from './text.ts'

const EXCERPT_BYTES = 8 * 1024
/**
 * Beyond the cap output is only counted. A pause after every megabyte prevents a command that writes as fast as it can from
 * occupying the server's only thread: 100 MB/s are a tenth of what a pipe transfers.
 */
const PAUSE_EVERY_BYTES = 1024 * 1024
const PAUSE_MS = 10

interface Delivery {
  readonly deliver: (stream: Chunk['stream'], chunk: string) => Promise<void>
  /** Records that something was read. */
  readonly countRead: () => void
  readonly close: () => void
  readonly activityCount: () => number
  readonly isDelivering: () => boolean
}

function createDelivery(listener: RunListener): Delivery {
  let activityCount = 0
  let deliveriesInFlight = 0
  let isClosed = false
  return {
    async deliver(stream, chunk) {
      if (isClosed || chunk === '') return
      deliveriesInFlight++
      try {
        await listener.output({ stream, chunk, ts: new Date().toISOString() })
      } catch {
        // A listener that cannot take the chunk must not end the run.
      }
      deliveriesInFlight--
      activityCount++
    },
    countRead: () => void activityCount++,
    close: () => void (isClosed = true),
    activityCount: () => activityCount,
    isDelivering: () => deliveriesInFlight > 0,
  }
}

export interface CappedDelivery extends Delivery {
  /** Delivers what the cap allows, counts the rest, and keeps the end of the text for the excerpt. */
  readonly deliverWithinLimit: (stream: 'stdout' | 'stderr', text: string) => Promise<void>
  readonly totals: () => OutputTotals
}

/** @param limitBytes the cap over both streams; the first byte beyond it is reported as `output_capped`, once */
export function createCappedDelivery(listener: RunListener, limitBytes: number): CappedDelivery {
  const delivery = createDelivery(listener)
  const tails = { stdout: tailBuffer(EXCERPT_BYTES), stderr: tailBuffer(EXCERPT_BYTES) }
  let outputBytes = 0
  let droppedBytes = 0
  let deliveredBytes = 0
  let unpausedBytes = 0
  let isCapped = false

  async function reportCapped(): Promise<void> {
    if (isCapped) return
    isCapped = true
    emit(listener, { kind: 'output_capped', limitBytes })
    await delivery.deliver('system', `Output is capped at ${limitBytes} bytes; the rest is counted and dropped.\n`)
  }

  async function deliverBeyondLimit(stream: 'stdout' | 'stderr', text: string, bytes: number): Promise<void> {
    const head = firstBytes(text, limitBytes - deliveredBytes)
    deliveredBytes = limitBytes
    droppedBytes += bytes - Buffer.byteLength(head)
    await delivery.deliver(stream, head)
    await reportCapped()
    unpausedBytes += bytes
    if (unpausedBytes < PAUSE_EVERY_BYTES) return
    unpausedBytes = 0
    await sleep(PAUSE_MS)
  }

  return {
    ...delivery,
    async deliverWithinLimit(stream, text) {
      if (text === '') return
      tails[stream].add(text)
      const bytes = Buffer.byteLength(text)
      outputBytes += bytes
      if (deliveredBytes + bytes > limitBytes) return await deliverBeyondLimit(stream, text, bytes)
      deliveredBytes += bytes
      await delivery.deliver(stream, text)
    },
    totals: () => ({ stdoutExcerpt: tails.stdout.text(), stderrExcerpt: tails.stderr.text(), outputBytes, droppedBytes }),
  }
}
