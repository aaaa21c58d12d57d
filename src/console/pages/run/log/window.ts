// The part of a log that is kept in memory: blocks that follow each other, and their lines. Pure functions.

import { addBlocks, dropBefore, joinLines, noLines } from './lines.ts'
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
export function append(window: LogWindow, added: readonly LogBlock[], bounds: Bounds): LogWindow {
  const all = [...window.blocks, ...added]
  const end = all.at(-1)?.end ?? window.end
  const lines = addBlocks(window.lines, added)
  if (!isFull({ ...window, end, lines }, bounds)) return { start: window.start, end, blocks: all, lines }
  const blocks = all.slice(-fitting(all.toReversed(), bounds))
  return { start: blocks[0]?.start ?? end, end, blocks, lines: dropBefore(lines, blocks) }
}

/** The part of the bounds that stays when the newest blocks are dropped, so that this is done rarely: their lines are made again. */
const KEPT_PART = 0.75

/** Adds what stands before. Beyond the bounds the newest blocks are dropped. */
export function prepend(window: LogWindow, block: LogBlock, bounds: Bounds): LogWindow {
  const all = [block, ...window.blocks]
  const longer = { start: block.start, end: window.end, blocks: all, lines: joinLines(addBlocks(noLines, [block]), window.lines) }
  if (!isFull(longer, bounds)) return longer
  const blocks = all.slice(0, fitting(all, { bytes: bounds.bytes * KEPT_PART, lines: bounds.lines * KEPT_PART }))
  return { start: block.start, end: blocks.at(-1)?.end ?? block.end, blocks, lines: addBlocks(noLines, blocks) }
}
