// The part of a log that is kept in memory: blocks that follow each other, and their lines. Pure functions.

import { addBlocks, noLines } from './lines.ts'
import type { Lines } from './lines.ts'
import type { LogBlock } from './records.ts'

export interface LogWindow {
  /** The bytes of the log that it has. */
  readonly start: number
  readonly end: number
  readonly blocks: readonly LogBlock[]
  readonly lines: Lines
}

/** How much is kept: whichever is reached first. */
export interface Bounds {
  readonly bytes: number
  readonly lines: number
}

export const emptyWindow = (at: number): LogWindow => ({ start: at, end: at, blocks: [], lines: noLines })

const isFull = ({ start, end, lines }: LogWindow, bounds: Bounds): boolean => end - start > bounds.bytes || lines.all.length > bounds.lines

const windowOf = (blocks: readonly LogBlock[], at: number): LogWindow => ({
  start: blocks[0]?.start ?? at,
  end: blocks.at(-1)?.end ?? at,
  blocks,
  lines: addBlocks(noLines, blocks),
})

/** The lines that begin in a block, at most. */
export const linesIn = ({ records }: LogBlock): number =>
  records.reduce((sum, { text }) => sum + (text.match(/\n/g)?.length ?? 0) + (text.endsWith('\n') ? 0 : 1), 0)

/** The blocks from the first on that are within the bounds together; at least one. */
function fitting(blocks: readonly LogBlock[], bounds: Bounds): number {
  let [bytes, lines, count] = [0, 0, 0]
  for (const block of blocks) {
    bytes += block.end - block.start
    lines += linesIn(block)
    if (count > 0 && (bytes > bounds.bytes || lines > bounds.lines)) break
    count += 1
  }
  return count
}

/** Adds what follows. Beyond the bounds the oldest blocks are dropped. */
export function append(window: LogWindow, blocks: readonly LogBlock[], bounds: Bounds): LogWindow {
  const all = [...window.blocks, ...blocks]
  const longer = { ...window, end: all.at(-1)?.end ?? window.end, blocks: all, lines: addBlocks(window.lines, blocks) }
  return isFull(longer, bounds) ? windowOf(all.slice(-fitting(all.toReversed(), bounds)), window.end) : longer
}

/** Adds what stands before. Beyond the bounds the newest blocks are dropped. */
export function prepend(window: LogWindow, block: LogBlock, bounds: Bounds): LogWindow {
  const all = [block, ...window.blocks]
  return windowOf(all.slice(0, fitting(all, bounds)), window.start)
}
