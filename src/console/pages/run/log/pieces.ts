// Reads pieces of the log of a run, by the offsets of bytes.

import { ApiProblem, request, segment } from '../../../api/client.ts'
import type { RunLog } from '../../../api/types.ts'
import { blockFromMiddle, blockOf } from './records.ts'
import type { LogBlock } from './records.ts'

/** How much one request reads. */
const PIECE_BYTES = 128 * 1024
/** How much of the end is read first. */
const TAIL_BYTES = 256 * 1024

export const logPath = (runId: string): string => `/heartbeat-runs/${segment(runId)}/log`

/** A piece; null while the run has no log. */
async function readPiece(runId: string, offset: number, limitBytes: number): Promise<RunLog | null> {
  try {
    return (await request<RunLog>('GET', logPath(runId), { query: { offset, limitBytes } })).data
  } catch (error) {
    if (error instanceof ApiProblem && error.status === 404) return null
    throw error
  }
}

/** A block of the log from an offset at which a line begins, and whether more follows. */
export async function readBlock(
  runId: string,
  offset: number,
  limitBytes = PIECE_BYTES,
): Promise<{ readonly block: LogBlock; readonly hasMore: boolean }> {
  const piece = await readPiece(runId, offset, limitBytes)
  return { block: blockOf(piece?.content ?? '', offset), hasMore: piece?.nextOffset !== undefined }
}

/** The block that ends where another one begins. */
export async function readBlockBefore(runId: string, start: number): Promise<LogBlock> {
  const from = Math.max(0, start - PIECE_BYTES)
  const content = (await readPiece(runId, from, start - from))?.content ?? ''
  return from === 0 ? blockOf(content, 0) : blockFromMiddle(content, start)
}

/**
 * Where the last part of a log begins. An ended run says how long its log is; of a live one the end is looked for in steps, and only
 * when there is more than one part.
 */
export async function tailOf(runId: string, bytes: number | null, hasByteAt = hasByte): Promise<number> {
  if (bytes !== null) return Math.max(0, bytes - TAIL_BYTES)
  // `low` parts are full, and part `high` is not.
  let [low, high] = [0, 1]
  while (await hasByteAt(runId, high * TAIL_BYTES)) [low, high] = [high, high * 2]
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (await hasByteAt(runId, middle * TAIL_BYTES)) low = middle
    else high = middle
  }
  return low * TAIL_BYTES
}

async function hasByte(runId: string, offset: number): Promise<boolean> {
  const piece = await readPiece(runId, offset, 1)
  return piece !== null && piece.content !== ''
}

/** Reads the whole log, block by block. */
export async function* wholeLog(runId: string): AsyncGenerator<LogBlock> {
  for (let offset = 0; ;) {
    const { block, hasMore } = await readBlock(runId, offset, 1024 * 1024)
    yield block
    if (!hasMore || block.end === offset) return
    offset = block.end
  }
}
