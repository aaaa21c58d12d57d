import { createHash } from 'node:crypto'

/** The output and the events of one run until the database has them. Output is cut into lines and capped. */

/** Something a run wrote, in whole characters and without NUL. */
export interface Chunk {
  readonly stream: 'stdout' | 'stderr' | 'system'
  readonly chunk: string
  readonly ts: string
}

/** Something that happened to a run, apart from its output. */
export interface RunEvent {
  readonly eventType: string
  readonly level: 'info' | 'warn' | 'error'
  readonly message: string
  readonly payload?: Readonly<Record<string, unknown>>
}

/** The limit of one run's log: as much output as an adapter delivers, and what its lines add to it. */
const MAX_LOG_BYTES = 8 * 1024 * 1024
/**
 * One line of the log, as it is written. Chunks of the same stream join the open line until it is written, so that single
 * characters cost no line each. The public command line reads 16 KiB at a time and drops incomplete lines: two lines fit.
 */
const MAX_LINE_BYTES = 8 * 1024
/** Rows stay small enough to be read and sent one by one. */
const MAX_PIECE_BYTES = 64 * 1024

interface OpenLine {
  readonly ts: string
  readonly stream: Chunk['stream']
  readonly text: string
}

/** A part of a log that becomes one row. */
export interface LogPiece {
  /** The position of its first byte in the log. */
  readonly offset: number
  readonly content: string
}

export interface RunBuffer {
  readonly runId: string
  /** The line that still grows. */
  openLine: OpenLine | null
  pieces: LogPiece[]
  events: (RunEvent & { readonly runId: string; readonly seq: number })[]
  /** Bytes of the whole log. */
  bytes: number
  /** Characters that wait for the database. */
  pendingLength: number
  readonly hash: ReturnType<typeof createHash>
  isCapped: boolean
  /** Number of the last event. */
  seq: number
  failedWrites: number
  /** Called when everything that was in the buffer is written or given up. */
  waiters: (() => void)[]
}

export const newBuffer = (runId: string): RunBuffer => ({
  runId,
  openLine: null,
  pieces: [],
  events: [],
  bytes: 0,
  pendingLength: 0,
  hash: createHash('sha256'),
  isCapped: false,
  seq: 0,
  failedWrites: 0,
  waiters: [],
})

/** Adds output to the buffer. A log that has reached its limit takes no more. */
export function addChunk(buffer: RunBuffer, { stream, chunk, ts }: Chunk): void {
  const { openLine } = buffer
  if (openLine !== null && (openLine.stream !== stream || openLine.text.length + chunk.length > MAX_LINE_BYTES)) closeLine(buffer)
  buffer.openLine = { ts, stream, ...buffer.openLine, text: (buffer.openLine?.text ?? '') + chunk }
  buffer.pendingLength += chunk.length
}

export function addEvent(buffer: RunBuffer, event: RunEvent): void {
  buffer.seq += 1
  buffer.events.push({ ...event, runId: buffer.runId, seq: buffer.seq })
}

/** Ends the open line. Beyond the limit of the log one notice is written, and nothing after it. */
function closeLine(buffer: RunBuffer): void {
  const { openLine } = buffer
  buffer.openLine = null
  for (let rest = openLine; rest !== null && rest.text !== '' && !buffer.isCapped;) {
    const length = fittingLength(rest)
    const line = renderLine({ ...rest, text: rest.text.slice(0, length) })
    if (buffer.bytes + Buffer.byteLength(line) <= MAX_LOG_BYTES) addLine(buffer, line)
    else capLog(buffer, rest.ts)
    rest = { ...rest, text: rest.text.slice(length) }
  }
}

const renderLine = (line: OpenLine): string => `${JSON.stringify({ ts: line.ts, stream: line.stream, chunk: line.text })}\n`

const isHighSurrogate = (unit: number): boolean => (unit & 0xfc00) === 0xd800

/** How many characters of a text go on one line: up to the last line break among those that fit, else all that fit. */
function fittingLength(line: OpenLine): number {
  let length = Math.min(line.text.length, MAX_LINE_BYTES)
  for (;;) {
    // Half of a surrogate pair would be written as an escape, which a reader does not decode to a character.
    if (length > 1 && isHighSurrogate(line.text.charCodeAt(length - 1))) length -= 1
    const size = Buffer.byteLength(renderLine({ ...line, text: line.text.slice(0, length) }))
    if (size <= MAX_LINE_BYTES) break
    length = Math.min(length - 1, Math.floor((length * MAX_LINE_BYTES) / size))
  }
  if (length === line.text.length) return length
  const lineBreak = line.text.lastIndexOf('\n', length - 1)
  return lineBreak < 0 ? length : lineBreak + 1
}

function addLine(buffer: RunBuffer, line: string): void {
  const size = Buffer.byteLength(line)
  const last = buffer.pieces.at(-1)
  // Only a piece that is not being written may grow. Those are all in the list: a batch takes its pieces out of it.
  if (last !== undefined && Buffer.byteLength(last.content) + size <= MAX_PIECE_BYTES)
    buffer.pieces[buffer.pieces.length - 1] = { offset: last.offset, content: last.content + line }
  else buffer.pieces.push({ offset: buffer.bytes, content: line })
  buffer.hash.update(line)
  buffer.bytes += size
}

function capLog(buffer: RunBuffer, ts: string): void {
  buffer.isCapped = true
  addLine(buffer, renderLine({ ts, stream: 'system', text: `The log is capped at ${MAX_LOG_BYTES} bytes; the rest is not kept.\n` }))
}

/** The records of one run that one statement writes. */
export interface FlushBatch {
  readonly buffer: RunBuffer
  readonly pieces: readonly LogPiece[]
  readonly events: RunBuffer['events']
  readonly waiters: readonly (() => void)[]
}

export const hasPending = (buffer: RunBuffer): boolean =>
  buffer.openLine !== null || buffer.pieces.length > 0 || buffer.events.length > 0 || buffer.waiters.length > 0

/** Takes everything out of the buffer, the open line included. */
export function takeBatch(buffer: RunBuffer): FlushBatch {
  closeLine(buffer)
  const batch: FlushBatch = { buffer, pieces: buffer.pieces, events: buffer.events, waiters: buffer.waiters }
  buffer.pieces = []
  buffer.events = []
  buffer.waiters = []
  buffer.pendingLength = 0
  return batch
}

/** Puts a batch that was not written back in front of what came since. */
export function requeue({ buffer, pieces, events, waiters }: FlushBatch): void {
  buffer.pieces = [...pieces, ...buffer.pieces]
  buffer.events = [...events, ...buffer.events]
  buffer.waiters = [...waiters, ...buffer.waiters]
  buffer.pendingLength += pieces.reduce((sum, piece) => sum + piece.content.length, 0)
}
