import type { Readable } from 'node:stream'
import { StringDecoder } from 'node:string_decoder'
import type { Chunk, OutputTotals, RunListener } from './adapter.ts'
import { createCappedDelivery } from './cappedDelivery.ts'
import { secretRedactor, redactSecrets, lineSplitter, toStorableText } from './text.ts'

/** The limit for the log of one run: a talkative agent writes some megabytes, a broken one fills disks. */
export const OUTPUT_LIMIT_BYTES = 8 * 1024 * 1024
/** One event of a transcript contains at most whole files; a longer line is not part of a transcript. */
const MAX_LINE_LENGTH = 1024 * 1024

export interface OutputOptions {
  readonly limitBytes: number
  readonly secrets: readonly string[]
  /** Receives every line, also beyond the cap: an agent prints the report about itself last. */
  readonly onLine?: ((line: string, stream: 'stdout' | 'stderr') => void) | undefined
}

export interface Output {
  /** Reads a stream to its end; never rejects. */
  consume(stream: Readable, name: 'stdout' | 'stderr'): Promise<void>
  /** Delivers a complete text as if it had been written to a stream. */
  write(name: Chunk['stream'], text: string): Promise<void>
  /** Stops every delivery from now on. */
  close(): void
  /** Grows whenever something was read or delivered. While it does not change, the streams are idle. */
  activityCount(): number
  /** Whether the listener has not finished with a chunk. */
  isDelivering(): boolean
  totals(): OutputTotals
}

/**
 * Brings the output of an agent to a listener: whole characters, secrets redacted, one cap over all streams, and no more read
 * than the listener takes.
 */
export function createOutput(listener: RunListener, { limitBytes, secrets, onLine }: OutputOptions): Output {
  const { deliver, deliverWithinLimit, countRead, ...delivery } = createCappedDelivery(listener, limitBytes)
  return {
    ...delivery,
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
          countRead()
          await forward(redactor.add(toStorableText(decoder.write(bytes))))
        }
      } catch {
        // A stream that breaks has ended; the output before that is kept.
      }
      await forward(redactor.add(toStorableText(decoder.end())) + redactor.end())
      lines?.end()
    },
    async write(name, text) {
      const safe = redactSecrets(toStorableText(text), secrets)
      await (name === 'system' ? deliver(name, safe) : deliverWithinLimit(name, safe))
    },
  }
}
