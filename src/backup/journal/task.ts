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

/** How often a server looks; a revocation of its own is written at once. */
export const JOURNAL_INTERVAL_MS = 1000
/** Rows of the audit log that are looked through at once. */
const PAGE_ROWS = 2000
/** A home that cannot be written still serves. It is tried again after this time. */
const RETRY_MS = 60_000
/** How often the place is noted while nothing is revoked. */
const PLACE_EVERY_MS = 10_000

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
  readonly scanned: number
  readonly end: Place | null
  readonly found: readonly Revocation[] | null
}

const readPage = statement<Place & { horizon: string }, Page>('journal_page').read(sql`
  with page as materialized (
    select txid, seq, action, entity_id, details, created_at from ${activityLog}
    where (txid, seq) > (${param('txid', 'xid8')}, ${param('seq', 'bigint')}) and txid <= ${param('horizon', 'xid8')}
    order by ${activityLog.txid}, ${activityLog.seq} limit ${sql.raw(String(PAGE_ROWS))})
  select (select id from ${activityLog} order by seq limit 1) as instance, (select count(*)::int from page) as scanned,
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
  last: string
  place: Place
}

/** The journal of the home where it is of this database and whole; else a new one, which begins with the first row of the log. */
async function stateFor(home: string, instance: string, log: Log): Promise<State> {
  const known = await readJournal(home)
  if (known !== null && known.journal.instance === instance && known.isWhole)
    return { instance, last: known.journal.last, place: known.place }
  if (known !== null)
    log.warn(
      { isWhole: known.isWhole },
      'the journal of revocations is of another database, or damaged: it was put aside, and a new one is made of the audit log',
    )
  await putAside(home)
  return { instance, last: await appendFacts(home, [{ kind: 'begin', instance }], GENESIS), place: BEGINNING }
}

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

/** The journal of a home while a server works. */
export interface RevocationJournal {
  /** Copies what was revoked since the last call. */
  readonly run: () => Promise<void>
  /** Whether everything up to a horizon of events was copied. */
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
  let noted: Place | undefined
  let working: Promise<void> = Promise.resolve()

  const note = async (): Promise<void> => {
    if (state === undefined || noted === state.place) return
    await writePosition(home, { instance: state.instance, ...state.place, last: state.last })
    noted = state.place
    notedAt = performance.now()
  }

  const copy = async (): Promise<void> => {
    const { horizon } = await eventHorizon(store.read)
    if (horizon === idleAt) return
    for (;;) {
      const page = await nextPage(store.read, state?.place ?? BEGINNING, horizon)
      // Nothing was ever recorded.
      if (page.instance === null) break
      if (state === undefined || state.instance !== page.instance) {
        state = await stateFor(home, page.instance, log)
        continue
      }
      const facts = (page.found ?? []).flatMap(factsOf)
      if (facts.length > 0) state.last = await appendFacts(home, facts, state.last)
      if (page.end !== null) state.place = page.end
      if (facts.length > 0 || performance.now() - notedAt > PLACE_EVERY_MS) await note()
      if (page.scanned < PAGE_ROWS) break
    }
    idleAt = horizon
  }

  const copyUnlessPaused = pausing(copy, log, () => void (state = undefined))

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
    isDone: (horizon) => horizon === idleAt,
    async stop() {
      removeListener()
      await working.catch(() => {})
      await note().catch(() => {})
    },
  }
}
