import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'drizzle-orm'
import { codeOf } from '../../platform/db/databaseErrors.ts'
import { companies } from '../../model/companies.ts'
import { runEvents, runLogChunks } from '../../model/runRecords.ts'
import { runs } from '../../model/runs.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { Store } from '../../platform/db/types.ts'
import { writeUnaudited } from '../../platform/db/unaudited.ts'
import type { Log } from '../../platform/kernel/log.ts'
import type { LogFacts } from './runResult.ts'

/** Something a run wrote, in whole characters and without NUL. */
export interface Chunk {
  readonly stream: 'stdout' | 'stderr' | 'system'
  readonly chunk: string
  readonly ts: string
}

/** Something that happened to a run, beside what it wrote. */
export interface RunEvent {
  readonly eventType: string
  readonly level: 'info' | 'warn' | 'error'
  readonly message: string
  readonly payload?: Readonly<Record<string, unknown>>
}

/** The records of one run while it lives. */
export interface RunLogWriter {
  /** A returned promise settles when there is room for more. */
  write(chunk: Chunk): void | Promise<void>
  addEvent(event: RunEvent): void
  /** Resolves when everything is written; null for a run that wrote nothing. Nothing is taken after it but events. */
  close(): Promise<LogFacts | null>
  /** Writes what is left and forgets the run. */
  dispose(): Promise<void>
}

/** Writes logs and events of all runs of a server, many in one statement. Telemetry: it decides nothing. */
export interface LogWriter {
  open(runId: string): RunLogWriter
  /** Writes what can be written now; what cannot is lost. */
  stop(): Promise<void>
}

/** The log of one run; as much output as an adapter delivers, and what its lines add to it. */
const MAX_LOG_BYTES = 8 * 1024 * 1024
/** Who watches a run sees it a quarter of a second late; a run that prints all the time costs four writes a second. */
const FLUSH_INTERVAL_MS = 250
const FLUSH_BYTES = 16 * 1024
/**
 * One line of the log, as it is written; what follows in the same stream meanwhile joins it, so that single characters
 * cost no line each. The public command line reads 16 KiB at a time and throws away what is no whole line: two lines fit.
 */
const MAX_LINE_BYTES = 8 * 1024
/** Rows stay small enough to be read and sent one by one. */
const MAX_CHUNK_BYTES = 64 * 1024
/** What may wait for the database per run before its output is held back. */
const MAX_PENDING_BYTES = 256 * 1024
const MIN_BACKOFF_MS = 100
const MAX_BACKOFF_MS = 2000
/** A run that cannot be found this often has been deleted; what cannot be stored this often never will be. */
const MAX_FAILED_WRITES = 3

// Rows are locked first and passed when somebody is deleting them, so that this waits for nobody: the foreign keys then
// find them locked already. Whoever is passed is tried again. Written twice after a lost answer is written once.
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

interface LogPiece {
  readonly offset: number
  readonly content: string
}

interface RunBuffer {
  readonly runId: string
  /** The line that still grows. */
  openLine: { readonly ts: string; readonly stream: Chunk['stream']; text: string } | null
  pieces: LogPiece[]
  events: (RunEvent & { readonly runId: string; readonly seq: number })[]
  bytes: number
  pendingBytes: number
  readonly hash: ReturnType<typeof createHash>
  isCapped: boolean
  seq: number
  failedWrites: number
  /** Called when everything that was there is written. */
  waiters: (() => void)[]
}

const newBuffer = (runId: string): RunBuffer => ({
  runId,
  openLine: null,
  pieces: [],
  events: [],
  bytes: 0,
  pendingBytes: 0,
  hash: createHash('sha256'),
  isCapped: false,
  seq: 0,
  failedWrites: 0,
  waiters: [],
})

function addLine(buffer: RunBuffer, line: string): void {
  const size = Buffer.byteLength(line)
  const last = buffer.pieces.at(-1)
  // Only a piece that is not under way may grow, and those are all: what is under way has left the list.
  if (last !== undefined && Buffer.byteLength(last.content) + size <= MAX_CHUNK_BYTES)
    buffer.pieces[buffer.pieces.length - 1] = { offset: last.offset, content: last.content + line }
  else buffer.pieces.push({ offset: buffer.bytes, content: line })
  buffer.hash.update(line)
  buffer.bytes += size
}

const lineOf = (line: { ts: string; stream: string; text: string }): string =>
  `${JSON.stringify({ ts: line.ts, stream: line.stream, chunk: line.text })}\n`

const isHighSurrogate = (unit: number): boolean => (unit & 0xfc00) === 0xd800

/** How many characters of a text to put on one line: up to the last line break among those that fit, else all that fit. */
function fittingLength(line: { ts: string; stream: string; text: string }): number {
  let length = Math.min(line.text.length, MAX_LINE_BYTES)
  for (;;) {
    // Half of a pair would be written as an escape, which is no character to whoever reads it.
    if (length > 1 && isHighSurrogate(line.text.charCodeAt(length - 1))) length -= 1
    const size = Buffer.byteLength(lineOf({ ...line, text: line.text.slice(0, length) }))
    if (size <= MAX_LINE_BYTES) break
    length = Math.min(length - 1, Math.floor((length * MAX_LINE_BYTES) / size))
  }
  if (length === line.text.length) return length
  const lineBreak = line.text.lastIndexOf('\n', length - 1)
  return lineBreak < 0 ? length : lineBreak + 1
}

/** Ends the growing line. Past the cap one notice is written, and nothing after it. */
function closeLine(buffer: RunBuffer): void {
  const { openLine } = buffer
  buffer.openLine = null
  for (let rest = openLine; rest !== null && rest.text !== '' && !buffer.isCapped;) {
    const length = fittingLength(rest)
    const line = lineOf({ ...rest, text: rest.text.slice(0, length) })
    if (buffer.bytes + Buffer.byteLength(line) <= MAX_LOG_BYTES) addLine(buffer, line)
    else capLog(buffer, rest.ts)
    rest = { ...rest, text: rest.text.slice(length) }
  }
}

function capLog(buffer: RunBuffer, ts: string): void {
  buffer.isCapped = true
  addLine(buffer, lineOf({ ts, stream: 'system', text: `The log is capped at ${MAX_LOG_BYTES} bytes; the rest is not kept.\n` }))
}

/** What one statement takes of a run. */
interface FlushBatch {
  readonly buffer: RunBuffer
  readonly pieces: readonly LogPiece[]
  readonly events: RunBuffer['events']
  readonly waiters: readonly (() => void)[]
}

function takeBatch(buffer: RunBuffer): FlushBatch {
  closeLine(buffer)
  const batch: FlushBatch = { buffer, pieces: buffer.pieces, events: buffer.events, waiters: buffer.waiters }
  buffer.pieces = []
  buffer.events = []
  buffer.waiters = []
  buffer.pendingBytes = 0
  return batch
}

const hasPending = (buffer: RunBuffer): boolean =>
  buffer.openLine !== null || buffer.pieces.length > 0 || buffer.events.length > 0 || buffer.waiters.length > 0

/** Writes what was taken. @returns what could not be written because its run is being deleted, or has been */
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

/** Whether the database refuses what it is given for what it is (SQLSTATE classes 22 and 23), however often it is tried. */
const isUnstorable = (error: unknown): boolean => /^2[23]/.test(codeOf(error) ?? '')

/** @param onEvents is called when events have been written */
export function createLogWriter(store: Store, log: Log, onEvents: () => void): LogWriter {
  const buffers = new Map<string, RunBuffer>()
  let timer: NodeJS.Timeout | undefined
  let flushing: Promise<void> | undefined
  const stopping = new AbortController()

  const flush = async (): Promise<void> => {
    clearTimeout(timer)
    timer = undefined
    for (let backoff = MIN_BACKOFF_MS; ;) {
      const batches = [...buffers.values()].filter(hasPending).map(takeBatch)
      if (batches.length === 0) return
      const unwritten = await tryWrite(batches)
      const stored = batches.filter((each) => !unwritten.includes(each))
      for (const each of stored) for (const resolve of each.waiters) resolve()
      if (stored.some((each) => each.events.length > 0)) onEvents()
      for (const each of unwritten) requeue(each)
      if (unwritten.length === 0) backoff = MIN_BACKOFF_MS
      else if (stopping.signal.aborted) return discard(unwritten)
      else await pause((backoff = Math.min(backoff * 2, MAX_BACKOFF_MS)))
    }
  }

  const pause = (ms: number): Promise<void> => sleep(ms, undefined, { ref: false, signal: stopping.signal }).catch(() => {})

  const tryWrite = async (batches: readonly FlushBatch[]): Promise<readonly FlushBatch[]> => {
    try {
      const skipped = await writeBatches(store, batches)
      for (const { buffer } of skipped) buffer.failedWrites += 1
      return skipped.filter(({ buffer }) => buffer.failedWrites < MAX_FAILED_WRITES)
    } catch (error) {
      if (!stopping.signal.aborted) log.warn({ err: error }, 'logs and events of runs could not be written and will be tried again')
      return isUnstorable(error) ? await isolateFailures(batches) : batches
    }
  }

  /** Something among it can never be written, which must not keep back what others have to say. */
  const isolateFailures = async (batches: readonly FlushBatch[]): Promise<readonly FlushBatch[]> => {
    const [single, ...others] = batches
    if (single === undefined || others.length > 0) return (await Promise.all(batches.map((each) => tryWrite([each])))).flat()
    single.buffer.failedWrites += 1
    return single.buffer.failedWrites < MAX_FAILED_WRITES ? batches : []
  }

  const requeue = ({ buffer, pieces, events, waiters }: FlushBatch): void => {
    buffer.pieces = [...pieces, ...buffer.pieces]
    buffer.events = [...events, ...buffer.events]
    buffer.waiters = [...waiters, ...buffer.waiters]
    buffer.pendingBytes += pieces.reduce((sum, piece) => sum + piece.content.length, 0)
  }

  const discard = (unwritten: readonly FlushBatch[]): void => {
    for (const { buffer } of unwritten) for (const resolve of takeBatch(buffer).waiters) resolve()
  }

  const flushNow = (): void => {
    flushing ??= flush()
      .catch((error: unknown) => log.error({ err: error }, 'the journal of runs failed'))
      .finally(() => {
        flushing = undefined
        const openBuffers = [...buffers.values()]
        // Who began to wait while the last flush was already over is not to wait for the next beat as well.
        if (openBuffers.some((buffer) => buffer.waiters.length > 0)) flushNow()
        else if (openBuffers.some(hasPending)) scheduleFlush()
      })
  }

  const scheduleFlush = (): void => {
    if (flushing !== undefined || timer !== undefined) return
    timer = setTimeout(flushNow, FLUSH_INTERVAL_MS)
    timer.unref()
  }

  const whenWritten = async (buffer: RunBuffer): Promise<void> => {
    if (!hasPending(buffer) && flushing === undefined) return
    const promise = new Promise<void>((resolve) => void buffer.waiters.push(resolve))
    flushNow()
    await promise
  }

  return {
    open(runId) {
      const buffer = newBuffer(runId)
      buffers.set(runId, buffer)
      return {
        write({ stream, chunk, ts }) {
          if (buffer.isCapped) return undefined
          if (
            buffer.openLine !== null &&
            (buffer.openLine.stream !== stream || buffer.openLine.text.length + chunk.length > MAX_LINE_BYTES)
          )
            closeLine(buffer)
          if (buffer.openLine === null) buffer.openLine = { ts, stream, text: chunk }
          else buffer.openLine.text += chunk
          buffer.pendingBytes += chunk.length
          if (buffer.pendingBytes < FLUSH_BYTES) return scheduleFlush()
          if (buffer.pendingBytes < MAX_PENDING_BYTES) return flushNow()
          return whenWritten(buffer)
        },
        addEvent(event) {
          buffer.seq += 1
          buffer.events.push({ ...event, runId, seq: buffer.seq })
          scheduleFlush()
        },
        async close() {
          // Its end is told when its log can be read; what happened besides may follow.
          if (buffer.openLine !== null || buffer.pieces.length > 0 || flushing !== undefined) await whenWritten(buffer)
          if (buffer.bytes === 0) return null
          return { store: 'postgres', ref: runId, bytes: buffer.bytes, sha256: buffer.hash.copy().digest('hex') }
        },
        async dispose() {
          await whenWritten(buffer)
          buffers.delete(runId)
        },
      }
    },
    async stop() {
      flushNow()
      stopping.abort()
      await flushing
    },
  }
}
