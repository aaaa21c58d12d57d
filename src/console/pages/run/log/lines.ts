// Lines of output, joined from pieces: a stream may stop in the middle of a line, and another one may write before it goes on.

import type { LogBlock, LogRecord, Stream } from './records.ts'

export interface LogLine {
  /** Stays the same however often the lines are made, and grows through the log. */
  readonly key: number
  readonly ts: string
  readonly stream: Stream
  readonly text: string
}

/** The lines of a part of a log, and for each stream the index of its line that may go on; -1 for none. */
export interface Lines {
  readonly all: readonly LogLine[]
  readonly open: Readonly<Record<Stream, number>>
}

export const noLines: Lines = { all: [], open: { stdout: -1, stderr: -1, system: -1 } }

/** A line that goes on for longer is cut, so that no single one stops the browser. */
const MAX_LINE_LENGTH = 256 * 1024

const withoutReturn = (text: string): string => (text.endsWith('\r') ? text.slice(0, -1) : text)

interface Draft {
  readonly all: LogLine[]
  readonly open: Record<Stream, number>
}

function addRecord({ all, open }: Draft, { at, ts, stream, text }: LogRecord): void {
  let from = 0
  for (let count = 0; from < text.length; count += 1) {
    const newline = text.indexOf('\n', from)
    const isClosed = newline >= 0
    const part = isClosed ? withoutReturn(text.slice(from, newline)) : text.slice(from)
    const going = all[open[stream]]
    if (going === undefined) {
      // Each line break takes a place of its own in the record, so lines of a record have numbers of their own.
      all.push({ key: at + count, ts, stream, text: part })
      open[stream] = all.length - 1
    } else all[open[stream]] = { ...going, text: going.text + part }
    const length = all[open[stream]]?.text.length ?? 0
    if (isClosed || length > MAX_LINE_LENGTH) open[stream] = -1
    from = isClosed ? newline + 1 : text.length
  }
}

/** The lines with those of the blocks after them. */
export function addBlocks(lines: Lines, blocks: readonly LogBlock[]): Lines {
  const draft: Draft = { all: [...lines.all], open: { ...lines.open } }
  for (const { records } of blocks) for (const record of records) addRecord(draft, record)
  return draft
}
