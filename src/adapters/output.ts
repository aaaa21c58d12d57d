import type { Readable } from 'node:stream'
import { StringDecoder } from 'node:string_decoder'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Chunk, Listener } from './adapter.ts'
import { coverSecrets, covered, cutLines, firstBytes, keepTail, storable } from './text.ts'

/** What one run may write into logs: a talkative agent fills some megabytes, a broken one fills disks. */
export const OUTPUT_LIMIT_BYTES = 8 * 1024 * 1024
const EXCERPT_BYTES = 8 * 1024
/** One event of a transcript carries whole files at most; longer lines are no transcript. */
const LONGEST_LINE = 1024 * 1024
/**
 * Beyond the cap output is only counted. A pause after every megabyte keeps a command that writes as fast as it can
 * from taking the server's only thread: 100 MB/s are a tenth of what a pipe gives.
 */
const PAUSE_EVERY_BYTES = 1024 * 1024
const PAUSE_MS = 10

type LineTaker = (line: string, stream: 'stdout' | 'stderr') => void

export interface OutputOptions {
  readonly limitBytes: number
  readonly secrets: readonly string[]
  /** Gets every line, also beyond the cap: what an agent reports about itself comes last. */
  readonly onLine?: LineTaker | undefined
}

export interface Output {
  /** Takes a stream to its end; never rejects. */
  pump(stream: Readable, name: 'stdout' | 'stderr'): Promise<void>
  /** Takes a text that is there whole, as if it had been written to a stream. */
  say(name: Chunk['stream'], text: string): Promise<void>
  /** Nothing is delivered from now on. */
  close(): void
  /** Grows whenever something was read or delivered; standing still means that nothing comes any more. */
  activity(): number
  /** Whether the listener is being waited for. */
  isHanding(): boolean
  totals(): { stdoutExcerpt: string; stderrExcerpt: string; outputBytes: number; droppedBytes: number }
}

/**
 * Brings what an agent writes to a listener: whole characters, secrets covered, one cap over all streams, and no more
 * read than the listener takes.
 */
export function createOutput(listener: Listener, options: OutputOptions): Output {
  const { limitBytes, secrets, onLine } = options
  const tails = { stdout: keepTail(EXCERPT_BYTES), stderr: keepTail(EXCERPT_BYTES) }
  let outputBytes = 0
  let droppedBytes = 0
  let deliveredBytes = 0
  let unpausedBytes = 0
  let activity = 0
  let handing = 0
  let isClosed = false
  let isCapped = false

  async function hand(stream: Chunk['stream'], chunk: string): Promise<void> {
    if (isClosed || chunk === '') return
    handing++
    try {
      await listener.output({ stream, chunk, ts: new Date().toISOString() })
    } catch {
      // Who listens is told as well as can be; that it cannot take it must not end the run.
    }
    handing--
    activity++
  }

  async function cap(): Promise<void> {
    if (isCapped) return
    isCapped = true
    tell(listener, { kind: 'output_capped', limitBytes })
    await hand('system', `Output is capped at ${limitBytes} bytes; the rest is counted and dropped.\n`)
  }

  async function deliver(stream: 'stdout' | 'stderr', text: string): Promise<void> {
    if (text === '') return
    tails[stream].add(text)
    const bytes = Buffer.byteLength(text)
    const room = limitBytes - deliveredBytes
    outputBytes += bytes
    if (bytes <= room) {
      deliveredBytes += bytes
      return await hand(stream, text)
    }
    const rest = firstBytes(text, room)
    deliveredBytes = limitBytes
    droppedBytes += bytes - Buffer.byteLength(rest)
    await hand(stream, rest)
    await cap()
    unpausedBytes += bytes
    if (unpausedBytes < PAUSE_EVERY_BYTES) return
    unpausedBytes = 0
    await sleep(PAUSE_MS)
  }

  return {
    async pump(stream, name) {
      const decoder = new StringDecoder('utf8')
      const cover = coverSecrets(secrets)
      const lines = onLine === undefined ? null : cutLines(LONGEST_LINE, (line) => onLine(line, name))
      const take = async (text: string): Promise<void> => {
        lines?.add(text)
        await deliver(name, text)
      }
      try {
        for await (const bytes of stream as AsyncIterable<Buffer>) {
          activity++
          await take(cover.add(storable(decoder.write(bytes))))
        }
      } catch {
        // A stream that breaks has ended; what it brought is kept.
      }
      await take(cover.add(storable(decoder.end())) + cover.end())
      lines?.end()
    },
    async say(name, text) {
      const safe = covered(storable(text), secrets)
      await (name === 'system' ? hand(name, safe) : deliver(name, safe))
    },
    close() {
      isClosed = true
    },
    activity: () => activity,
    isHanding: () => handing > 0,
    totals: () => ({
      stdoutExcerpt: tails.stdout.text(),
      stderrExcerpt: tails.stderr.text(),
      outputBytes,
      droppedBytes,
    }),
  }
}

/** Tells a listener; what it throws is its own affair. */
export function tell(listener: Listener, event: Parameters<Listener['event']>[0]): void {
  try {
    listener.event(event)
  } catch {
    // As with output: a broken listener does not end a run.
  }
}
