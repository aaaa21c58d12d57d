import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'drizzle-orm'
import { codeOf } from '../db/faults.ts'
import { companies } from '../db/schema/companies.ts'
import { runEvents, runLogChunks } from '../db/schema/runRecords.ts'
import { runs } from '../db/schema/runs.ts'
import { param, statement } from '../db/statement.ts'
import type { Store } from '../db/store.ts'
import { note } from '../db/telemetry.ts'
import type { Log } from '../kernel/log.ts'
import type { LogFacts } from './close.ts'

/** Something a run wrote, in whole characters and without NUL. */
export interface Chunk {
  readonly stream: 'stdout' | 'stderr' | 'system'
  readonly chunk: string
  readonly ts: string
}

/** Something that happened to a run, beside what it wrote. */
export interface RunHappening {
  readonly eventType: string
  readonly level: 'info' | 'warn' | 'error'
  readonly message: string
  readonly payload?: Readonly<Record<string, unknown>>
}

/** The records of one run while it lives. */
export interface RunJournal {
  /** A returned promise settles when there is room for more. */
  write(chunk: Chunk): void | Promise<void>
  say(happening: RunHappening): void
  /** Resolves when everything is written; null for a run that wrote nothing. Nothing is taken after it but events. */
  close(): Promise<LogFacts | null>
  /** Writes what is left and forgets the run. */
  end(): Promise<void>
}

/** Writes logs and events of all runs of a server, many in one statement. Telemetry: it decides nothing. */
export interface Journal {
  open(runId: string): RunJournal
  /** Writes what can be written now; what cannot is lost. */
  stop(): Promise<void>
}

/** The log of one run; as much output as an adapter delivers, and what its lines add to it. */
const LOG_LIMIT_BYTES = 8 * 1024 * 1024
/** Who watches a run sees it a quarter of a second late; a run that prints all the time costs four writes a second. */
const FLUSH_MS = 250
const FLUSH_BYTES = 16 * 1024
/**
 * One line of the log, as it is written; what follows in the same stream meanwhile joins it, so that single characters
 * cost no line each. The public command line reads 16 KiB at a time and throws away what is no whole line: two lines fit.
 */
const LINE_BYTES = 8 * 1024
/** Rows stay small enough to be read and sent one by one. */
const CHUNK_BYTES = 64 * 1024
/** What may wait for the database per run before its output is held back. */
const PENDING_BYTES = 256 * 1024
const BACKOFF_MS = 100
const BACKOFF_MOST_MS = 2000
/** A run that cannot be found this often has been deleted; what cannot be stored this often never will be. */
const MOST_MISSES = 3

// Rows are locked first and passed when somebody is deleting them, so that this waits for nobody: the foreign keys then
// find them locked already. Whoever is passed is tried again. Written twice after a lost answer is written once.
const append = statement<{ runIds: string[]; chunkRuns: string[]; offsets: number[]; contents: string[]; events: string }, { id: string }>(
  'journal_append',
).telemetry(sql`
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

interface Piece {
  readonly offset: number
  readonly content: string
}

interface Page {
  readonly runId: string
  /** The line that still grows. */
  open: { readonly ts: string; readonly stream: Chunk['stream']; text: string } | null
  pieces: Piece[]
  events: (RunHappening & { readonly runId: string; readonly seq: number })[]
  bytes: number
  pendingBytes: number
  readonly hash: ReturnType<typeof createHash>
  isCapped: boolean
  seq: number
  misses: number
  /** Called when everything that was there is written. */
  waiting: (() => void)[]
}

const newPage = (runId: string): Page => ({
  runId,
  open: null,
  pieces: [],
  events: [],
  bytes: 0,
  pendingBytes: 0,
  hash: createHash('sha256'),
  isCapped: false,
  seq: 0,
  misses: 0,
  waiting: [],
})

function addLine(page: Page, line: string): void {
  const size = Buffer.byteLength(line)
  const last = page.pieces.at(-1)
  // Only a piece that is not under way may grow, and those are all: what is under way has left the list.
  if (last !== undefined && Buffer.byteLength(last.content) + size <= CHUNK_BYTES)
    page.pieces[page.pieces.length - 1] = { offset: last.offset, content: last.content + line }
  else page.pieces.push({ offset: page.bytes, content: line })
  page.hash.update(line)
  page.bytes += size
}

const lineOf = (line: { ts: string; stream: string; text: string }): string =>
  `${JSON.stringify({ ts: line.ts, stream: line.stream, chunk: line.text })}\n`

const isHighSurrogate = (unit: number): boolean => (unit & 0xfc00) === 0xd800

/** How many characters of a text to put on one line: up to the last line break among those that fit, else all that fit. */
function fitting(line: { ts: string; stream: string; text: string }): number {
  let length = Math.min(line.text.length, LINE_BYTES)
  for (;;) {
    // Half of a pair would be written as an escape, which is no character to whoever reads it.
    if (length > 1 && isHighSurrogate(line.text.charCodeAt(length - 1))) length -= 1
    const size = Buffer.byteLength(lineOf({ ...line, text: line.text.slice(0, length) }))
    if (size <= LINE_BYTES) break
    length = Math.min(length - 1, Math.floor((length * LINE_BYTES) / size))
  }
  if (length === line.text.length) return length
  const lineBreak = line.text.lastIndexOf('\n', length - 1)
  return lineBreak < 0 ? length : lineBreak + 1
}

/** Ends the growing line. Past the cap one notice is written, and nothing after it. */
function seal(page: Page): void {
  const { open } = page
  page.open = null
  for (let rest = open; rest !== null && rest.text !== '' && !page.isCapped;) {
    const length = fitting(rest)
    const line = lineOf({ ...rest, text: rest.text.slice(0, length) })
    if (page.bytes + Buffer.byteLength(line) <= LOG_LIMIT_BYTES) addLine(page, line)
    else cap(page, rest.ts)
    rest = { ...rest, text: rest.text.slice(length) }
  }
}

function cap(page: Page, ts: string): void {
  page.isCapped = true
  addLine(page, lineOf({ ts, stream: 'system', text: `The log is capped at ${LOG_LIMIT_BYTES} bytes; the rest is not kept.\n` }))
}

/** What one statement takes of a run. */
interface Taken {
  readonly page: Page
  readonly pieces: readonly Piece[]
  readonly events: Page['events']
  readonly waiting: readonly (() => void)[]
}

function take(page: Page): Taken {
  seal(page)
  const taken: Taken = { page, pieces: page.pieces, events: page.events, waiting: page.waiting }
  page.pieces = []
  page.events = []
  page.waiting = []
  page.pendingBytes = 0
  return taken
}

const isDirty = (page: Page): boolean => page.open !== null || page.pieces.length > 0 || page.events.length > 0 || page.waiting.length > 0

/** Writes what was taken. @returns what could not be written because its run is being deleted, or has been */
async function writeDown(store: Store, taken: readonly Taken[]): Promise<Taken[]> {
  const pieces = taken.flatMap(({ page, pieces: all }) => all.map((piece) => ({ runId: page.runId, ...piece })))
  const events = taken.flatMap((each) => each.events)
  if (pieces.length + events.length === 0) return []
  const written = await note(store, append, {
    runIds: taken.map(({ page }) => page.runId),
    chunkRuns: pieces.map((piece) => piece.runId),
    offsets: pieces.map((piece) => piece.offset),
    contents: pieces.map((piece) => piece.content),
    events: JSON.stringify(events),
  })
  const done = new Set(written.map((row) => row.id))
  return taken.filter((each) => each.pieces.length + each.events.length > 0 && !done.has(each.page.runId))
}

/** Whether the database refuses what it is given for what it is (SQLSTATE classes 22 and 23), however often it is tried. */
const isUnstorable = (error: unknown): boolean => /^2[23]/.test(codeOf(error) ?? '')

/** @param onEvents is called when events have been written */
export function createJournal(store: Store, log: Log, onEvents: () => void): Journal {
  const pages = new Map<string, Page>()
  let timer: NodeJS.Timeout | undefined
  let flushing: Promise<void> | undefined
  const stopping = new AbortController()

  const flush = async (): Promise<void> => {
    clearTimeout(timer)
    timer = undefined
    for (let backoff = BACKOFF_MS; ;) {
      const taken = [...pages.values()].filter(isDirty).map(take)
      if (taken.length === 0) return
      const left = await attempt(taken)
      const settled = taken.filter((each) => !left.includes(each))
      for (const each of settled) for (const resolve of each.waiting) resolve()
      if (settled.some((each) => each.events.length > 0)) onEvents()
      for (const each of left) putBack(each)
      if (left.length === 0) backoff = BACKOFF_MS
      else if (stopping.signal.aborted) return giveUp(left)
      else await pause((backoff = Math.min(backoff * 2, BACKOFF_MOST_MS)))
    }
  }

  const pause = (ms: number): Promise<void> => sleep(ms, undefined, { ref: false, signal: stopping.signal }).catch(() => {})

  const attempt = async (taken: readonly Taken[]): Promise<readonly Taken[]> => {
    try {
      const missed = await writeDown(store, taken)
      for (const { page } of missed) page.misses += 1
      return missed.filter(({ page }) => page.misses < MOST_MISSES)
    } catch (error) {
      if (!stopping.signal.aborted) log.warn({ err: error }, 'logs and events of runs could not be written and will be tried again')
      return isUnstorable(error) ? await sift(taken) : taken
    }
  }

  /** Something among it can never be written, which must not keep back what others have to say. */
  const sift = async (taken: readonly Taken[]): Promise<readonly Taken[]> => {
    const [only, ...others] = taken
    if (only === undefined || others.length > 0) return (await Promise.all(taken.map((each) => attempt([each])))).flat()
    only.page.misses += 1
    return only.page.misses < MOST_MISSES ? taken : []
  }

  const putBack = ({ page, pieces, events, waiting }: Taken): void => {
    page.pieces = [...pieces, ...page.pieces]
    page.events = [...events, ...page.events]
    page.waiting = [...waiting, ...page.waiting]
    page.pendingBytes += pieces.reduce((sum, piece) => sum + piece.content.length, 0)
  }

  const giveUp = (left: readonly Taken[]): void => {
    for (const { page } of left) for (const resolve of take(page).waiting) resolve()
  }

  const flushNow = (): void => {
    flushing ??= flush()
      .catch((error: unknown) => log.error({ err: error }, 'the journal of runs failed'))
      .finally(() => {
        flushing = undefined
        const open = [...pages.values()]
        // Who began to wait while the last flush was already over is not to wait for the next beat as well.
        if (open.some((page) => page.waiting.length > 0)) flushNow()
        else if (open.some(isDirty)) soon()
      })
  }

  const soon = (): void => {
    if (flushing !== undefined || timer !== undefined) return
    timer = setTimeout(flushNow, FLUSH_MS)
    timer.unref()
  }

  const written = async (page: Page): Promise<void> => {
    if (!isDirty(page) && flushing === undefined) return
    const promise = new Promise<void>((resolve) => void page.waiting.push(resolve))
    flushNow()
    await promise
  }

  return {
    open(runId) {
      const page = newPage(runId)
      pages.set(runId, page)
      return {
        write({ stream, chunk, ts }) {
          if (page.isCapped) return undefined
          if (page.open !== null && (page.open.stream !== stream || page.open.text.length + chunk.length > LINE_BYTES)) seal(page)
          if (page.open === null) page.open = { ts, stream, text: chunk }
          else page.open.text += chunk
          page.pendingBytes += chunk.length
          if (page.pendingBytes < FLUSH_BYTES) return soon()
          if (page.pendingBytes < PENDING_BYTES) return flushNow()
          return written(page)
        },
        say(happening) {
          page.seq += 1
          page.events.push({ ...happening, runId, seq: page.seq })
          soon()
        },
        async close() {
          // Its end is told when its log can be read; what happened besides may follow.
          if (page.open !== null || page.pieces.length > 0 || flushing !== undefined) await written(page)
          if (page.bytes === 0) return null
          return { store: 'postgres', ref: runId, bytes: page.bytes, sha256: page.hash.copy().digest('hex') }
        },
        async end() {
          await written(page)
          pages.delete(runId)
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
