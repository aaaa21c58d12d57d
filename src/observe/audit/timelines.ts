// Timelines of the record: a restored database goes on with tickets behind all that were ever given (K31).

import { sql } from 'drizzle-orm'
import { auditWitnesses } from '../../model/audit.ts'
import { mutate, changed, unchanged } from '../../platform/db/mutate.ts'
import { isoJson, param, statement } from '../../platform/db/statement.ts'
import { activityLog } from '../../platform/db/tables.ts'
import { systemCtx } from '../../platform/db/context.ts'
import type { ReadDb, Store } from '../../platform/db/types.ts'
import { writeUnaudited } from '../../platform/db/unaudited.ts'
import { NO_COMPANY } from '../../platform/kernel/event.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import type { Log } from '../../platform/kernel/log.ts'
import { timelineOpened } from './events.ts'
import type { timelineCauses, timelineWitnesses } from './events.ts'
import { findContradicted } from './headRecorder.ts'
import { newestOf } from './headHistory.ts'
import type { HeadFile } from './heads.ts'
import { createWitness, problemOf, readCluster, readWitness } from './witness.ts'

/**
 * The distance between the tickets of two timelines. Events between a backup and the loss have tickets behind those of the backup, and
 * cursors of clients name them: they must not be given again. No database writes as much between two backups.
 */
export const TICKET_GAP = 2n ** 24n
/** After crashes tickets may be a little ahead of transaction ids; this far only in another cluster. */
const MAX_AHEAD = 1000n

/** A timeline behind the first, as its audit row describes it. */
export interface Timeline {
  readonly timeline: number
  readonly openedAt: string
  readonly cause: (typeof timelineCauses)[number]
  /** The first ticket. */
  readonly ticket: string
  readonly witness: (typeof timelineWitnesses)[number]
}

const isTimeline = sql`company_id = ${sql.raw(`'${NO_COMPANY}'`)} and entity_type = 'instance' and action = ${sql.raw(`'${timelineOpened.action}'`)}`

const timelinesQuery = statement<object, Timeline>('timelines').read(sql`
  select (details ->> 'timeline')::int as timeline, ${isoJson(sql`created_at`)} as "openedAt", details ->> 'cause' as cause,
    details ->> 'ticket' as ticket, details ->> 'witness' as witness
  from ${activityLog} where ${isTimeline} order by seq limit 1000`)

/** Reads the timelines behind the first, oldest first. */
export const readTimelines = (db: Pick<ReadDb, 'run'>): Promise<Timeline[]> => db.run(timelinesQuery, {})

/** Where the tickets of the database are. */
interface TicketFacts {
  readonly counter: string
  readonly newest: string
  readonly transactions: string
  /** The cluster in which the record was written last; null where no release has noted it. */
  readonly cluster: string | null
  readonly timelines: number
  /** The ticket of the row that opened the last timeline. */
  readonly lastTicket: string | null
}

const ticketFacts = statement<object, TicketFacts>('timeline_tickets').read(sql`
  select counter::text, newest::text, pg_snapshot_xmax(pg_current_snapshot())::text as transactions,
    coalesce(last.cluster, (select cluster from ${auditWitnesses} where cluster is not null order by updated_at desc limit 1)) as cluster,
    (select count(*)::int from ${activityLog} where ${isTimeline}) as timelines, last.txid::text as "lastTicket"
  from event_ticket_lag() left join lateral (
    select details ->> 'cluster' as cluster, txid from ${activityLog} where ${isTimeline} order by seq desc limit 1) last on true`)

/** The cause for which a timeline must begin; null when there is none. */
function causeOf(facts: TicketFacts, cluster: string | null): (typeof timelineCauses)[number] | null {
  const [counter, newest, transactions] = [BigInt(facts.counter), BigInt(facts.newest), BigInt(facts.transactions)]
  if (newest > counter && facts.lastTicket !== facts.newest) return 'counter_behind'
  if (newest === 0n) return null
  if (facts.cluster === null) return newest > transactions + MAX_AHEAD ? 'other_cluster' : null
  return cluster !== null && cluster !== facts.cluster ? 'other_cluster' : null
}

const lockTimelines = statement<object, { locked: string }>('timeline_lock').read(
  sql`select pg_advisory_xact_lock(7203314)::text as locked`,
)

// The ticket that `take_event_ticket()` returns in this transaction.
const useTicket = statement<{ ticket: string }, { ticket: string }>('timeline_use_ticket').read(
  sql`select set_config('paperclip.event_ticket', ${param('ticket')}, true) as ticket`,
)

const raiseTickets = statement<object, { counter: string }>('timeline_raise').unaudited(sql`select raise_event_tickets()::text as counter`)

/** Compares the heads of a home with the chains. */
async function askWitness(db: Pick<ReadDb, 'run'>, file: HeadFile) {
  const { history, finding, hasSealedRows, at } = await readWitness(db, file, null)
  const { size: contradictedHeads } = await findContradicted(db, [...newestOf(history.heads, (head) => file.isGenuine(head)).values()])
  const isAbsent = history.heads.length === 0
  const states = { damaged: problemOf(history, finding) !== null, contradicted: contradictedHeads > 0, absent: isAbsent, agrees: true }
  const [witness] = Object.entries(states).find(([, holds]) => holds) as [Timeline['witness'], boolean]
  return { found: { contradictedHeads, witness }, hasSealedRows, at }
}

async function open(store: Store, file: HeadFile, log: Log): Promise<void> {
  const cluster = await readCluster(store.read)
  const before = exactlyOne(await store.read.run(ticketFacts, {}))
  const cause = causeOf(before, cluster)
  if (cause === null) return
  const witness = createWitness(store, file, log)
  await witness.open()
  const { found, hasSealedRows, at } = await askWitness(store.read, file)
  const facts = { timeline: before.timelines + 2, cause, counter: before.counter, newest: before.newest, cluster, ...found }
  // Nothing outside the database shows whether the restored record is whole: that is never in order by itself.
  const isUnwitnessed = found.witness === 'absent' && hasSealedRows
  const lines = [{ note: 'timeline' as const, at, about: JSON.stringify(facts) }]
  const written = await witness.append([...lines, ...(isUnwitnessed ? [{ note: 'timeline_unwitnessed' as const, at }] : [])])
  if (isUnwitnessed) file.state.doubt ??= 'timeline_unwitnessed'
  const ctx = systemCtx(store, null, 'audit')
  await mutate(ctx, async (tx) => {
    await tx.run(lockTimelines, {})
    const now = exactlyOne(await tx.run(ticketFacts, {}))
    // Another server has opened it meanwhile.
    if (causeOf(now, cluster) === null) return unchanged(null)
    const [counter, newest] = [BigInt(now.counter), BigInt(now.newest)]
    const ticket = String((counter > newest ? counter : newest) + TICKET_GAP)
    await tx.run(useTicket, { ticket })
    const signed = { keyId: file.keyId(), line: written?.line ?? 0, signature: written?.signature ?? '' }
    return changed(null, timelineOpened('audit', { ...facts, ticket, ...signed }, { companyId: NO_COMPANY }))
  })
  log.warn(facts, 'the database was restored: the audit goes on in a new timeline')
}

/**
 * Opens a new timeline where the database was restored: rows have tickets that its counter has not reached, or it stands in another
 * cluster than before. One audited row records it, a line of the file of heads signs it, and all tickets from here on lie behind those of before, so
 * sealing and the cursors of clients go on. It excuses no cut: heads that contradict the chains stay, and a home that saw no head before notes that.
 *
 * The row commits first, with the ticket that the counter is raised to: a crash in between is completed by the next call.
 */
export async function openTimeline(store: Store, file: HeadFile, log: Log): Promise<void> {
  await open(store, file, log)
  await writeUnaudited(store, raiseTickets, {})
}
