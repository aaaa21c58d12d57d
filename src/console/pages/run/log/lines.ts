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

const allStreams: readonly Stream[] = ['stdout', 'stderr', 'system']

/** The index of the first line whose key is not smaller. */
export function firstFrom(lines: readonly LogLine[], key: number): number {
  let [low, high] = [0, lines.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((lines[middle]?.key ?? 0) < key) low = middle + 1
    else high = middle
  }
  return low
}

/** The lines of two parts that follow each other. A line that goes on from one to the other is joined, all others stay the same objects. */
export function joinLines(earlier: Lines, later: Lines): Lines {
  const first = [...earlier.all]
  const rest = [...later.all]
  const openKeys: Partial<Record<Stream, number>> = {}
  for (const stream of allStreams) {
    const [going, open] = [first[earlier.open[stream]], later.all[later.open[stream]]]
    const on = going === undefined ? -1 : rest.findIndex((line) => line.stream === stream)
    const next = rest[on]
    if (open !== undefined) openKeys[stream] = open.key
    if (going === undefined) continue
    if (next === undefined) openKeys[stream] = going.key
    else {
      first[earlier.open[stream]] = { ...going, text: going.text + next.text }
      rest.splice(on, 1)
      if (open === next) openKeys[stream] = going.key
    }
  }
  return linesWith([...first, ...rest], openKeys)
}

/** Lines of which those with certain keys may go on. */
function linesWith(all: readonly LogLine[], openKeys: Partial<Record<Stream, number>>): Lines {
  const open = { ...noLines.open }
  for (const stream of allStreams) {
    const key = openKeys[stream]
    const index = key === undefined ? -1 : firstFrom(all, key)
    if (all[index]?.key === key) open[stream] = index
  }
  return { all, open }
}

/** The line with which a stream begins in blocks, as if nothing stood before them, and whether it may go on behind them. */
function firstLineOf(blocks: readonly LogBlock[], stream: Stream): { readonly line: LogLine; readonly isOpen: boolean } | null {
  let line = null as LogLine | null
  for (const { records } of blocks)
    for (const record of records) {
      if (record.stream !== stream || record.text === '') continue
      const newline = record.text.indexOf('\n')
      const text = newline < 0 ? record.text : withoutReturn(record.text.slice(0, newline))
      line = line === null ? { key: record.at, ts: record.ts, stream, text } : { ...line, text: line.text + text }
      if (newline >= 0) return { line, isOpen: false }
    }
  return line === null ? null : { line, isOpen: true }
}

/** The lines without those before some blocks. The rest of a line that goes on in the blocks stays. */
export function dropBefore(lines: Lines, blocks: readonly LogBlock[]): Lines {
  const start = blocks[0]?.start
  if (start === undefined) return noLines
  const all = lines.all.slice(firstFrom(lines.all, start))
  const openKeys: Partial<Record<Stream, number>> = {}
  for (const stream of allStreams) {
    const open = lines.all[lines.open[stream]]
    if (open !== undefined && open.key >= start) openKeys[stream] = open.key
    const first = firstLineOf(blocks, stream)
    if (first === null) continue
    const index = firstFrom(all, first.line.key)
    if (all[index]?.key === first.line.key) continue
    all.splice(index, 0, first.line)
    if (first.isOpen) openKeys[stream] = first.line.key
  }
  return linesWith(all, openKeys)
}
