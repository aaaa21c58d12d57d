// The log of a run as the server keeps it: lines of JSON, each with a piece of what a stream wrote.

export type Stream = 'stdout' | 'stderr' | 'system'

/** A piece of output. It may begin and end in the middle of a line. */
export interface LogRecord {
  /** A number that grows through the log, and that no other record has. */
  readonly at: number
  readonly ts: string
  readonly stream: Stream
  readonly text: string
}

/** Records that follow each other, and the bytes of the log in which they stand. */
export interface LogBlock {
  readonly start: number
  readonly end: number
  readonly records: readonly LogRecord[]
}

const encoder = new TextEncoder()

/** The bytes of a text in the log. */
export const byteLength = (text: string): number => encoder.encode(text).length

const streams: ReadonlySet<unknown> = new Set(['stdout', 'stderr', 'system'])

function recordOf(json: string, at: number): LogRecord {
  try {
    const { ts, stream, chunk } = JSON.parse(json) as { ts?: unknown; stream?: unknown; chunk?: unknown }
    if (typeof chunk === 'string' && streams.has(stream)) return { at, ts: String(ts), stream: stream as Stream, text: chunk }
  } catch {
    // Shown as it is, below.
  }
  return { at, ts: '', stream: 'system', text: `${json}\n` }
}

/** Reads a piece of a log that begins at a line of JSON. @param start the byte at which it begins */
export function blockOf(content: string, start: number): LogBlock {
  const records: LogRecord[] = []
  for (let from = 0; from < content.length;) {
    const newline = content.indexOf('\n', from)
    const to = newline < 0 ? content.length : newline
    // An index of a character is never greater than that of its byte, so numbers of blocks do not meet.
    if (to > from) records.push(recordOf(content.slice(from, to), start + from))
    from = to + 1
  }
  return { start, end: start + byteLength(content), records }
}

/**
 * Reads a piece that may begin in the middle of a line of JSON: that line is left out.
 * @param end the byte behind the piece
 */
export function blockFromMiddle(content: string, end: number): LogBlock {
  const whole = content.slice(content.indexOf('\n') + 1)
  return blockOf(whole, end - byteLength(whole))
}
