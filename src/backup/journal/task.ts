// The task that copies revocations from the audit log into the journal.

import { sql } from 'drizzle-orm'
import { eventHorizon } from '../../platform/db/eventOrder.ts'
import { param, statement } from '../../platform/db/statement.ts'
import { activityLog } from '../../platform/db/tables.ts'
import type { ReadDb, Store } from '../../platform/db/types.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import type { Log } from '../../platform/kernel/log.ts'
import { appendFacts, putAside, readJournal, writePosition } from './file.ts'
import { BEGINNING, GENESIS, hashOfId } from './lines.ts'
import type { JournalFact, Place } from './lines.ts'
import { timelineOf } from './timeline.ts'

/** How often a server looks; a revocation of its own is written at once. */
export const JOURNAL_INTERVAL_MS = 1000
/** Rows of the audit log that are looked through at once. */
const PAGE_ROWS = 2000
/** A home that cannot be written still serves. It is tried again after this time. */
const RETRY_MS = 60_000
/** How often the place is noted while rows are written and nothing is revoked. */
const PLACE_EVERY_MS = 10_000
/** How often it is noted while nothing is written at all: a sign of life, without which the journal vouches for nothing that came later. */
const SIGN_EVERY_MS = 60_000

const AGENT_ENDS = {
  'agent.terminated': 'terminated',
  'agent.quarantined': 'quarantined',
  'agent.quarantine_released': 'released',
  'agent.deletion_begun': 'deleted',
  'agent.deleted': 'deleted',
} as const
const COMPANY_ENDS = ['company.deletion_begun', 'company.deleted'] as const
/** A key that a restore or a move revoked is dead as well: the next restore must not bring it back. */
const KEYS_REVOKED = ['agent.key_revoked', 'instance.restored', 'company.keys_revoked_by_source'] as const

const actions: readonly string[] = [...KEYS_REVOKED, ...Object.keys(AGENT_ENDS), ...COMPANY_ENDS]
const endsCompany: ReadonlySet<string> = new Set(COMPANY_ENDS)
const isRevocation = sql`action in (${sql.raw(actions.map((action) => `'${action}'`).join(', '))})`

interface Revocation extends Place {
  readonly action: string
  readonly entityId: string
  readonly at: string
  readonly keyIds: readonly string[]
}

interface Page {
  readonly instance: string | null
  readonly timeline: string | null
  /** The row at the place is there: the database is the one that was read up to there. */
  readonly isThere: boolean
  readonly scanned: number
  readonly end: Place | null
  readonly found: readonly Revocation[] | null
}

const readPage = statement<Place & { horizon: string }, Page>('journal_page').read(sql`
  with page as materialized (
    select txid, seq, action, entity_id, details, created_at from ${activityLog}
    where (txid, seq) > (${param('txid', 'xid8')}, ${param('seq', 'bigint')}) and txid <= ${param('horizon', 'xid8')}
    order by ${activityLog.txid}, ${activityLog.seq} limit ${sql.raw(String(PAGE_ROWS))})
  select (select id from ${activityLog} order by seq limit 1) as instance, ${timelineOf} as timeline,
    ${param('txid', 'xid8')} = '0'::xid8 or exists (select from ${activityLog} where txid = ${param('txid', 'xid8')} and seq = ${param('seq', 'bigint')}) as "isThere",
    (select count(*)::int from page) as scanned,
    (select json_build_object('txid', txid::text, 'seq', seq) from page order by page.txid desc, page.seq desc limit 1) as "end",
    (select json_agg(json_build_object('txid', txid::text, 'seq', seq, 'action', action, 'entityId', entity_id, 'at', created_at,
      'keyIds', case when details ? 'keyId' then json_build_array(details ->> 'keyId') else coalesce(details -> 'revokedKeyIds', details -> 'keyIds', '[]')::json end)
      order by page.txid, page.seq) from page where ${isRevocation}) as found`)

/** The lines that a row of the audit log makes. */
function factsOf({ action, entityId, at, keyIds, txid, seq }: Revocation): JournalFact[] {
  const place = { txid, seq, at }
  const facts: JournalFact[] = keyIds.map((id) => ({ kind: 'key', id: hashOfId('key', id), ...place }))
  if (action in AGENT_ENDS) {
    const end = AGENT_ENDS[action as keyof typeof AGENT_ENDS]
    facts.push({ kind: 'agent', id: hashOfId('agent', entityId), end, ...place })
  } else if (endsCompany.has(action)) facts.push({ kind: 'company', id: hashOfId('company', entityId), ...place })
  return facts
}

interface State {
  instance: string
  timeline: string
  pass: number
  last: string
  place: Place
  /** When everything that was committed had been read. */
  seenAt: string | null
}

const now = (): string => new Date().toISOString()

/** The journal of the home where it is of this database and whole; else a new one, which begins with the first row of the log. */
async function stateFor(home: string, instance: string, timeline: string, log: Log): Promise<State> {
  const known = await readJournal(home)
  if (known !== null && known.journal.instance === instance && known.isWhole) {
    const { journal, place, seenAt } = known
    const state = { instance, timeline: journal.timeline, pass: journal.pass, last: journal.last, place, seenAt }
    return journal.timeline === timeline ? state : await inTimeline(home, state, timeline, log)
  }
  if (known !== null)
    log.warn(
      { isWhole: known.isWhole },
      'the journal of revocations is of another database, or damaged: it was put aside, and a new one is made of the audit log',
    )
  await putAside(home)
  const last = await appendFacts(home, [{ kind: 'begin', instance, timeline, at: now() }], GENESIS)
  return { instance, timeline, pass: 0, last, place: BEGINNING, seenAt: null }
}

/**
 * Goes on in a database that is not the one that was read up to now: it was restored, or set back by other means. Its rows may have the numbers of rows
 * that were read in the other one, so it is read from the first. The lines of before stay: what they name was revoked.
 */
async function inTimeline(home: string, { instance, pass, last, place, seenAt }: State, timeline: string, log: Log): Promise<State> {
  log.info({ timeline, pass: pass + 1 }, 'the journal of revocations goes on in another timeline: the database was restored or set back')
  const line = { kind: 'timeline', pass: pass + 1, timeline, seen: place, seenAt, at: now() } as const
  const state = { instance, timeline, pass: pass + 1, last: await appendFacts(home, [line], last), place: BEGINNING, seenAt: null }
  await writePosition(home, positionOf(state))
  return state
}

const positionOf = ({ instance, place, last, pass, seenAt }: State) => ({ instance, ...place, last, pass, at: seenAt })

async function nextPage(db: Pick<ReadDb, 'run'>, place: Place, horizon: string): Promise<Page> {
  return exactlyOne(await db.run(readPage, { ...place, horizon }))
}

/** Whether an error is one of the file system: the journal cannot be read or written. */
const isOfFiles = (error: unknown): boolean => typeof (error as NodeJS.ErrnoException).syscall === 'string' && 'path' in (error as object)

/** Pauses the work after an error of the file system, which it logs once. @param forget called then: the file is read again */
function pausing(work: () => Promise<void>, log: Log, forget: () => void): () => Promise<void> {
  let pausedUntil = 0
  return async () => {
    if (performance.now() < pausedUntil) return
    try {
      await work()
      pausedUntil = 0
    } catch (error) {
      if (!isOfFiles(error)) throw error
      if (pausedUntil === 0) log.error({ err: error }, 'the journal of revocations cannot be written; retrying every minute')
      pausedUntil = performance.now() + RETRY_MS
      forget()
    }
  }
}

interface Following {
  readonly store: Store
  readonly home: string
  readonly log: Log
}

/**
 * Copies what lies between a state and the horizon, in the timeline in which the database is now.
 * @returns null while the audit log has no row
 */
async function catchUp(
  { store, home, log }: Following,
  before: State | undefined,
  horizon: string,
): Promise<{ readonly state: State; readonly hasFacts: boolean } | null> {
  let state = before
  let hasFacts = false
  for (;;) {
    const page = await nextPage(store.read, state?.place ?? BEGINNING, horizon)
    if (page.instance === null || page.timeline === null) return null
    if (state === undefined || state.instance !== page.instance) {
      state = await stateFor(home, page.instance, page.timeline, log)
      continue
    }
    if (!page.isThere || state.timeline !== page.timeline) {
      state = await inTimeline(home, state, page.timeline, log)
      continue
    }
    const facts = (page.found ?? []).flatMap(factsOf)
    if (facts.length > 0) state.last = await appendFacts(home, facts, state.last)
    if (page.end !== null) state.place = page.end
    hasFacts ||= facts.length > 0
    if (page.scanned < PAGE_ROWS) return { state, hasFacts }
  }
}

/** The journal of a home while a server works. */
export interface RevocationJournal {
  /** Copies what was revoked since the last call. */
  readonly run: () => Promise<void>
  /** Whether everything up to a horizon of events was copied, and no sign of life is due. */
  readonly isDone: (horizon: string) => boolean
  /** Notes the place, at the end of the server. It never rejects. */
  stop(): Promise<void>
}

/**
 * Creates the task that keeps the journal: it follows the audit log in the order of commits from its first row on, so a crash loses
 * nothing, and a revocation by another server is in it too. One query while nothing is written, and none where the caller knows the horizon.
 */
export function createRevocationJournal(store: Store, home: string, log: Log): RevocationJournal {
  let state: State | undefined
  let idleAt = ''
  let notedAt = 0
  let noted: string | null = null
  let working: Promise<void> = Promise.resolve()

  const note = async (): Promise<void> => {
    if (state === undefined || noted === state.seenAt) return
    await writePosition(home, positionOf(state))
    noted = state.seenAt
    notedAt = performance.now()
  }
  const noteEvery = async (ms: number): Promise<void> => {
    if (performance.now() - notedAt > ms) await note()
  }

  const copy = async (): Promise<void> => {
    // Everything that was committed by now is read, but for rows behind a transaction that is still open: seconds at most.
    const askedAt = now()
    const { horizon } = await eventHorizon(store.read)
    if (horizon === idleAt && state !== undefined) {
      state.seenAt = askedAt
      return await noteEvery(SIGN_EVERY_MS)
    }
    const caughtUp = await catchUp({ store, home, log }, state, horizon)
    idleAt = horizon
    // Nothing was ever recorded.
    if (caughtUp === null) return
    state = caughtUp.state
    state.seenAt = askedAt
    await noteEvery(caughtUp.hasFacts ? 0 : PLACE_EVERY_MS)
  }

  const copyUnlessPaused = pausing(copy, log, () => {
    state = undefined
    idleAt = ''
  })

  // One after the other: the task and a commit may ask at once.
  const run = (): Promise<void> => {
    const next = working.catch(() => {}).then(copyUnlessPaused)
    working = next
    return next
  }
  const removeListener = store.onCommit((rows) => {
    if (rows.some(({ action }) => actions.includes(action))) run().catch(() => {})
  })
  return {
    run,
    // A sign of life is due every minute, also while nothing is written.
    isDone: (horizon) => horizon === idleAt && (state === undefined || performance.now() - notedAt <= SIGN_EVERY_MS),
    async stop() {
      removeListener()
      await working.catch(() => {})
      await note().catch(() => {})
    },
  }
}
