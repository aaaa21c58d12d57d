import type { Readable } from 'node:stream'
import { StringDecoder } from 'node:string_decoder'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Chunk, RunListener } from './adapter.ts'
import { secretRedactor, redactSecrets, lineSplitter, firstBytes, tailBuffer, toStorableText } from './text.ts'

/** What one run may write into logs: a talkative agent fills some megabytes, a broken one fills disks. */
export const OUTPUT_LIMIT_BYTES = 8 * 1024 * 1024
const EXCERPT_BYTES = 8 * 1024
/** One event of a transcript carries whole files at most; longer lines are no transcript. */
const MAX_LINE_LENGTH = 1024 * 1024
/**
 * Beyond the cap output is only counted. A pause after every megabyte keeps a command that writes as fast as it can
 * from taking the server's only thread: 100 MB/s are a tenth of what a pipe gives.
 */
const PAUSE_EVERY_BYTES = 1024 * 1024
const PAUSE_MS = 10

type LineListener = (line: string, stream: 'stdout' | 'stderr') => void

export interface OutputOptions {
  readonly limitBytes: number
  readonly secrets: readonly string[]
  /** Gets every line, also beyond the cap: what an agent reports about itself comes last. */
  readonly onLine?: LineListener | undefined
}

export interface Output {
  /** Takes a stream to its end; never rejects. */
  consume(stream: Readable, name: 'stdout' | 'stderr'): Promise<void>
  /** Takes a text that is there whole, as if it had been written to a stream. */
  write(name: Chunk['stream'], text: string): Promise<void>
  /** Nothing is delivered from now on. */
  close(): void
  /** Grows whenever something was read or delivered; standing still means that nothing comes any more. */
  activityCount(): number
  /** Whether the listener is being waited for. */
  isDelivering(): boolean
  totals(): { stdoutExcerpt: string; stderrExcerpt: string; outputBytes: number; droppedBytes: number }
}

/**
 * Brings what an agent writes to a listener: whole characters, secrets covered, one cap over all streams, and no more
 * read than the listener takes.
 */
export function createOutput(listener: RunListener, options: OutputOptions): Output {
  const { limitBytes, secrets, onLine } = options
  const tails = { stdout: tailBuffer(EXCERPT_BYTES), stderr: tailBuffer(EXCERPT_BYTES) }
  let outputBytes = 0
  let droppedBytes = 0
  let deliveredBytes = 0
  let unpausedBytes = 0
  let activityCount = 0
  let deliveriesInFlight = 0
  let isClosed = false
  let isCapped = false

  async function deliver(stream: Chunk['stream'], chunk: string): Promise<void> {
    if (isClosed || chunk === '') return
    deliveriesInFlight++
    try {
      await listener.output({ stream, chunk, ts: new Date().toISOString() })
    } catch {
      // Who listens is told as well as can be; that it cannot take it must not end the run.
    }
    deliveriesInFlight--
    activityCount++
  }

  async function reportCapped(): Promise<void> {
    if (isCapped) return
    isCapped = true
    emit(listener, { kind: 'output_capped', limitBytes })
    await deliver('system', `Output is capped at ${limitBytes} bytes; the rest is counted and dropped.\n`)
  }

  async function deliverWithinLimit(stream: 'stdout' | 'stderr', text: string): Promise<void> {
    if (text === '') return
    tails[stream].add(text)
    const bytes = Buffer.byteLength(text)
    const remainingBytes = limitBytes - deliveredBytes
    outputBytes += bytes
    if (bytes <= remainingBytes) {
      deliveredBytes += bytes
      return await deliver(stream, text)
    }
    const head = firstBytes(text, remainingBytes)
    deliveredBytes = limitBytes
    droppedBytes += bytes - Buffer.byteLength(head)
    await deliver(stream, head)
    await reportCapped()
    unpausedBytes += bytes
    if (unpausedBytes < PAUSE_EVERY_BYTES) return
    unpausedBytes = 0
    await sleep(PAUSE_MS)
  }

  return {
    async consume(stream, name) {
      const decoder = new StringDecoder('utf8')
      const redactor = secretRedactor(secrets)
      const lines = onLine === undefined ? null : lineSplitter(MAX_LINE_LENGTH, (line) => onLine(line, name))
      const forward = async (text: string): Promise<void> => {
        lines?.add(text)
        await deliverWithinLimit(name, text)
      }
      try {
        for await (const bytes of stream as AsyncIterable<Buffer>) {
          activityCount++
          await forward(redactor.add(toStorableText(decoder.write(bytes))))
        }
      } catch {
        // A stream that breaks has ended; what it brought is kept.
      }
      await forward(redactor.add(toStorableText(decoder.end())) + redactor.end())
      lines?.end()
    },
    async write(name, text) {
      const safe = redactSecrets(toStorableText(text), secrets)
      await (name === 'system' ? deliver(name, safe) : deliverWithinLimit(name, safe))
    },
    close() {
      isClosed = true
    },
    activityCount: () => activityCount,
    isDelivering: () => deliveriesInFlight > 0,
    totals: () => ({
      stdoutExcerpt: tails.stdout.text(),
      stderrExcerpt: tails.stderr.text(),
      outputBytes,
      droppedBytes,
    }),
  }
}

/** Tells a listener; what it throws is its own affair. */
export function emit(listener: RunListener, event: Parameters<RunListener['event']>[0]): void {
  try {
    listener.event(event)
  } catch {
    // As with output: a broken listener does not end a run.
  }
}
