import { sql } from 'drizzle-orm'
import { codeOf } from '../../platform/db/databaseErrors.ts'
import { companies } from '../../model/companies.ts'
import { runEvents, runLogChunks } from '../../model/runRecords.ts'
import { runs } from '../../model/runs.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { Store } from '../../platform/db/types.ts'
import { writeUnaudited } from '../../platform/db/unaudited.ts'
import type { Log } from '../../platform/kernel/log.ts'
import { createWorker } from '../../platform/kernel/worker.ts'
import { hasPending, requeue, takeBatch } from './logBuffer.ts'
import type { FlushBatch, RunBuffer } from './logBuffer.ts'

/** A reader sees output a quarter of a second late; a run that prints all the time costs four writes a second. */
const FLUSH_INTERVAL_MS = 250
const MAX_BACKOFF_MS = 2000
/**
 * A batch that failed this often is given up: its run has been deleted, or the database will never store it. With the
 * backoff between the attempts that takes some 0.7 s.
 */
const MAX_FAILED_WRITES = 5

// Lock the run and company rows first, SKIP LOCKED, so the foreign-key checks never wait for a concurrent delete. Skipped
// runs are retried. Replaying after a lost answer is idempotent (ON CONFLICT DO NOTHING).
const appendRecords = statement<
  { runIds: string[]; chunkRuns: string[]; offsets: number[]; contents: string[]; events: string },
  { id: string }
>('journal_append').unaudited(sql`
  with locked as (
    select r.id, r.company_id, r.agent_id from ${runs} r join ${companies} c on c.id = r.company_id
    where r.id = any(${param('runIds', 'uuid[]')}) order by r.id for key share of r, c skip locked),
  chunks as (
    insert into ${runLogChunks} (run_id, start_offset, byte_size, content)
    select locked.id, t.at, octet_length(t.content), t.content
    from unnest(${param('chunkRuns', 'uuid[]')}, ${param('offsets', 'bigint[]')}, ${param('contents', 'text[]')}) as t (run_id, at, content)
    join locked on locked.id = t.run_id
    on conflict do nothing),
  happened as (
    insert into ${runEvents} (company_id, run_id, agent_id, seq, event_type, stream, level, message, payload)
    select locked.company_id, locked.id, locked.agent_id, t.seq, t."eventType", 'system', t.level, t.message, t.payload
    from jsonb_to_recordset(${param('events', 'jsonb')}) as t ("runId" uuid, seq int, "eventType" text, level text, message text, payload jsonb)
    join locked on locked.id = t."runId"
    order by t."runId", t.seq
    on conflict do nothing)
  select id from locked`)

/** Writes the batches. @returns those that were skipped, because their run is being deleted or has been */
async function writeBatches(store: Store, batches: readonly FlushBatch[]): Promise<FlushBatch[]> {
  const pieces = batches.flatMap(({ buffer, pieces: all }) => all.map((piece) => ({ runId: buffer.runId, ...piece })))
  const events = batches.flatMap((each) => each.events)
  if (pieces.length + events.length === 0) return []
  const storedRuns = await writeUnaudited(store, appendRecords, {
    runIds: batches.map(({ buffer }) => buffer.runId),
    chunkRuns: pieces.map((piece) => piece.runId),
    offsets: pieces.map((piece) => piece.offset),
    contents: pieces.map((piece) => piece.content),
    events: JSON.stringify(events),
  })
  const storedRunIds = new Set(storedRuns.map((row) => row.id))
  return batches.filter((each) => each.pieces.length + each.events.length > 0 && !storedRunIds.has(each.buffer.runId))
}

/** The database refuses the value itself (SQLSTATE classes 22 and 23), however often it is tried. */
const isUnstorable = (error: unknown): boolean => /^2[23]/.test(codeOf(error) ?? '')

/** Counts a failed write. @returns whether the batch is worth another attempt */
function countFailure({ buffer }: FlushBatch): boolean {
  buffer.failedWrites += 1
  return buffer.failedWrites < MAX_FAILED_WRITES
}

type OnError = (error: unknown) => void

/** Writes the batches as far as possible. @returns those to try again */
async function tryWrite(store: Store, batches: readonly FlushBatch[], onError: OnError): Promise<readonly FlushBatch[]> {
  try {
    return (await writeBatches(store, batches)).filter(countFailure)
  } catch (error) {
    onError(error)
    if (!isUnstorable(error)) return batches
    // One of the batches can never be written. Each is written by itself, so that it does not block the others.
    if (batches.length > 1) return (await Promise.all(batches.map((each) => tryWrite(store, [each], onError)))).flat()
    return batches.filter(countFailure)
  }
}

/** Writes the buffers of all runs of a server, many in one statement. */
export interface Flusher {
  /** Requests a write within a quarter of a second. */
  flushSoon(): void
  /** Requests a write now. After a failure the backoff is kept. */
  flushNow(): void
  /** Resolves when everything that is in the buffer is written or given up. */
  whenWritten(buffer: RunBuffer): Promise<void>
  /** Whether a write is in progress. */
  isBusy(): boolean
  /** Writes what can be written now; the rest is lost. */
  drain(): Promise<void>
}

interface FlusherOptions {
  readonly store: Store
  readonly log: Log
  /** Called when events have been written. */
  readonly onEvents: () => void
  /** The buffers to write, by run. */
  readonly buffers: ReadonlyMap<string, RunBuffer>
}

const NOT_ALL_WRITTEN = new Error('logs and events of runs are not all written')

export function createFlusher({ store, log, onEvents, buffers }: FlusherOptions): Flusher {
  let isDraining = false
  let isFailing = false
  const pendingBuffers = (): RunBuffer[] => [...buffers.values()].filter(hasPending)

  const onWriteError = (error: unknown): void => {
    if (!isDraining) log.warn({ err: error }, 'writing logs and events of runs failed; retrying')
  }

  const writePending = async (): Promise<void> => {
    const batches = pendingBuffers().map(takeBatch)
    const unwritten = await tryWrite(store, batches, onWriteError)
    const written = isDraining ? batches : batches.filter((each) => !unwritten.includes(each))
    for (const each of written) for (const resolve of each.waiters) resolve()
    if (written.some((each) => each.events.length > 0)) onEvents()
    isFailing = written.length < batches.length
    if (!isFailing) return
    for (const each of unwritten) requeue(each)
    throw NOT_ALL_WRITTEN
  }

  const worker = createWorker({
    minDelayMs: FLUSH_INTERVAL_MS,
    maxDelayMs: MAX_BACKOFF_MS,
    work: writePending,
    onError: (error) => {
      if (error !== NOT_ALL_WRITTEN) log.error({ err: error }, 'the log writer of runs failed; retrying')
    },
  })

  const flushNow = (): void => (isFailing ? worker.notify() : worker.runNow())

  return {
    flushSoon: () => worker.notify(),
    flushNow,
    isBusy: () => worker.isBusy(),
    async whenWritten(buffer) {
      if (!hasPending(buffer) && !worker.isBusy()) return
      const written = new Promise<void>((resolve) => void buffer.waiters.push(resolve))
      flushNow()
      await written
    },
    async drain() {
      isDraining = true
      isFailing = false
      while (worker.isBusy() || pendingBuffers().length > 0) {
        if (!worker.isBusy()) worker.runNow()
        await worker.whenIdle()
      }
    },
  }
}
