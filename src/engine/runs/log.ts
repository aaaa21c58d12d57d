import { sql } from 'drizzle-orm'
import type { z } from 'zod'
import type { Ctx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { runEvents, runLogChunks } from '../../model/runRecords.ts'
import { runs } from '../../model/runs.ts'
import { keyset } from '../../platform/db/keyset.ts'
import type { KeysetParams, PageRequest } from '../../platform/db/keyset.ts'
import { columnsOf, dynamicRead, param, statement } from '../../platform/db/statement.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { encodeCursor } from '../../platform/kernel/page.ts'
import { mapPage } from '../../platform/kernel/page.ts'
import type { Page } from '../../platform/kernel/page.ts'
import { recordReadPosition } from './logReaders.ts'
import { presentRunEvent } from './present.ts'
import type { runEventView, runLogView } from './views.ts'

const runOfCompany = statement<{ runId: string; companyId: string }, { id: string }>('log_run').read(
  sql`select id from ${runs} where id = ${param('runId')} and company_id = ${param('companyId')}`,
)

/** @throws Refusal `not_found` for a missing run and for one of another company */
async function requireRun(ctx: Ctx, runId: string): Promise<void> {
  const found = await ctx.store.read.run(runOfCompany, { runId, companyId: companyOf(ctx) })
  if (found.length === 0) refuse('not_found', { message: 'Run not found' })
}

interface Part {
  startOffset: number
  content: string
  /** Bytes of the whole log. */
  size: number
}

// The chunks from the one that contains the offset to the last one within the limit. Beyond the end, one row with the size alone.
const partsOf = statement<{ runId: string; offset: number; limitBytes: number }, Part>('log_parts').read(sql`
  with bounds as (
    select
      (select start_offset + byte_size from ${runLogChunks} where run_id = ${param('runId')} order by start_offset desc limit 1) as size,
      (select start_offset from ${runLogChunks} where run_id = ${param('runId')} and start_offset <= ${param('offset', 'bigint')}
        order by start_offset desc limit 1) as first)
  select coalesce(c.start_offset, bounds.size) as "startOffset", coalesce(c.content, '') as content, bounds.size
  from bounds left join ${runLogChunks} c on c.run_id = ${param('runId')} and c.start_offset >= bounds.first
    and c.start_offset < ${param('offset', 'bigint')} + ${param('limitBytes', 'bigint')} and ${param('offset', 'bigint')} < bounds.size
  where bounds.size is not null
  order by c.start_offset`)

/** The largest piece in one answer, whatever the client requested. */
const MAX_BYTES = 2 * 1024 * 1024
const NEWLINE = 0x0a
const isContinuationByte = (byte: number | undefined): boolean => byte !== undefined && (byte & 0xc0) === 0x80

/**
 * The bytes that fit into the limit: whole lines, or whole characters where not even one line fits. At least one
 * character, because a reader would never advance otherwise.
 */
function truncateToLimit(bytes: Buffer, limit: number): Buffer {
  if (bytes.length <= limit) return bytes
  const line = bytes.lastIndexOf(NEWLINE, limit - 1)
  if (line >= 0) return bytes.subarray(0, line + 1)
  let end = limit
  while (end > 0 && isContinuationByte(bytes[end])) end -= 1
  if (end === 0) for (end = 1; isContinuationByte(bytes[end]);) end += 1
  return bytes.subarray(0, end)
}

/** A piece of a run's log. */
interface LogPiece {
  readonly content: string
  /** The offset of the byte behind the piece. */
  readonly next: number
  /** Whether the log had no more bytes when it was read. */
  readonly isAtEnd: boolean
}

/**
 * Reads a piece of a run's log, from a byte offset; null while the run has no log.
 * @throws Refusal `not_found` for a missing run and for one of another company
 */
export async function readLogPiece(
  ctx: Ctx,
  runId: string,
  { offset, limitBytes: requestedBytes }: { offset: number; limitBytes: number },
): Promise<LogPiece | null> {
  const limitBytes = Math.min(requestedBytes, MAX_BYTES)
  const [parts] = await Promise.all([ctx.store.read.run(partsOf, { runId, offset, limitBytes }), requireRun(ctx, runId)])
  const [first] = parts
  if (first === undefined) {
    recordReadPosition(ctx.store, runId, 0, true)
    return null
  }
  const all = Buffer.concat(parts.map((part) => Buffer.from(part.content)))
  let from = Math.min(Math.max(0, offset - first.startOffset), all.length)
  // An offset in the middle of a character is moved to the next character.
  while (isContinuationByte(all[from])) from += 1
  const content = truncateToLimit(all.subarray(from), limitBytes)
  const next = first.startOffset + from + content.length
  const isAtEnd = next >= first.size
  recordReadPosition(ctx.store, runId, next, isAtEnd)
  return { content: content.toString(), next, isAtEnd }
}

/** A piece of a run's log as it is answered. */
export const presentLogPiece = (runId: string, { content, next, isAtEnd }: LogPiece): z.input<typeof runLogView> => ({
  runId,
  store: 'postgres',
  logRef: runId,
  content,
  ...(isAtEnd ? {} : { nextOffset: next }),
})

const bySeq = keyset('asc', [{ field: 'seq', column: 'seq', type: 'int' }])

const eventsOf = dynamicRead<KeysetParams & { runId: string; companyId: string }, z.input<typeof runEventView>>('run_events')

/**
 * The events of a run, in order.
 * @param request `afterSeq` is the number of an event after which the list begins; a cursor takes its place
 * @throws Refusal `not_found`, `malformed_cursor`
 */
export async function listRunEvents(
  ctx: Ctx,
  runId: string,
  { limit, after, afterSeq }: PageRequest & { afterSeq: number },
): Promise<Page<z.input<typeof runEventView>>> {
  const page = bySeq.page({ limit, after: after ?? encodeCursor([afterSeq]) })
  const query = eventsOf(
    'after',
    () => sql`
      select ${columnsOf(runEvents, ['txid'])} from ${runEvents}
      where run_id = ${param('runId')} and company_id = ${param('companyId')} ${page.andAfterCursor}
      order by ${bySeq.orderBy} limit ${param('limit', 'int')}`,
  )
  const [events] = await Promise.all([
    page.read(ctx.store.read, query, { runId, companyId: companyOf(ctx), ...page.params }),
    requireRun(ctx, runId),
  ])
  return await mapPage(events, (event) => presentRunEvent(ctx.actor, event))
}
