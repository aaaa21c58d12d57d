import { sql } from 'drizzle-orm'
import { fallenStandings } from '../access/standing.ts'
import type { Standings } from '../access/standing.ts'
import { activityLog } from '../db/schema/activity.ts'
import { runEvents } from '../db/schema/runRecords.ts'
import { isoJson, param, statement } from '../db/statement.ts'
import type { ReadDb } from '../db/store.ts'
import { only } from '../kernel/only.ts'
import type { Instant } from '../kernel/time.ts'
import { beginning, edgeAt, sources } from './place.ts'
import type { Place } from './place.ts'

/** Something that happened in a company, once and at its place. */
export interface Entry {
  readonly place: Place
  readonly companyId: string
  readonly type: 'activity.logged' | 'heartbeat.run.event'
  /** The action of an audit row. */
  readonly action: string | null
  readonly createdAt: Instant
  /** JSON, as Postgres wrote it. */
  readonly payload: string
}

/** What one look came to. */
export interface Look {
  readonly entries: readonly Entry[]
  /** Everything up to here has been read. */
  readonly upTo: Place
  /** There is more to read at once. */
  readonly more: boolean
  /** How many rows to look at next: fewer where they are big, because Postgres puts all of them into words. */
  readonly window: number
  /** Something has been committed that cannot be told yet, because an older transaction is still under way. */
  readonly isHeldUp: boolean
  /** Ids of the keys and runs asked about whose credential is worth nothing any more. */
  readonly fallen: readonly string[]
}

/** Rows looked at in one statement, of whatever company: 1 ms. */
const WIDE = 250
/** The same where nearly all of them are of other companies: a small one's way through 300,000 rows took a quarter of the time. */
const WIDEST = 2000
/** One row in this many is asked for, or fewer. */
const SPARSE = 16
/** What a page holds at the most, and one entry beyond: this much is kept for every reader that is slow. */
const PAGE_BYTES = 256 * 1024

interface Params extends Standings {
  companyIds: readonly string[]
  activityTxid: string
  activitySeq: number
  eventTxid: string
  eventId: number
  window: number
}

interface Frame {
  isHeldUp: boolean
  fallen: string[]
  scanned: number
  lastTxid: string | null
  lastSource: number | null
  lastNumber: number | null
}

type Row = Frame & (({ companyId: string } & Told) | { companyId: null })

interface Told {
  txid: string
  source: number
  number: number
  action: string | null
  createdAt: Instant
  payload: string
}

// Rows below the snapshot's xmin are all there or never will be, and a row that commits late is above it until it has.
// Read by number alone, it would be skipped. The window is taken before companies are told apart: the planner knows
// nothing of how transaction ids are spread, and for a company alone would rather sort all of its rows.
const read = statement<Params, Row>('feed_look').read(sql`
  with scanned as materialized (
    select * from (
      (select txid, ${sql.raw(String(sources.activity))} as source, seq as number, company_id from ${activityLog}
        where (txid, seq) > (${param('activityTxid', 'xid8')}, ${param('activitySeq', 'bigint')})
          and txid < pg_snapshot_xmin(pg_current_snapshot())
        order by txid, seq limit ${param('window', 'int')})
      union all
      (select txid, ${sql.raw(String(sources.runEvent))}, id, company_id from ${runEvents}
        where (txid, id) > (${param('eventTxid', 'xid8')}, ${param('eventId', 'bigint')})
          and txid < pg_snapshot_xmin(pg_current_snapshot())
        order by txid, id limit ${param('window', 'int')})) both_sources
    order by txid, source, number limit ${param('window', 'int')}),
  last as (select txid, source, number from scanned order by txid desc, source desc, number desc limit 1),
  said as (
    select s.txid, s.source, s.number, s.company_id, a.action, ${isoJson(sql`coalesce(a.created_at, e.created_at)`)} as created_at,
      case when s.source = ${sql.raw(String(sources.activity))} then json_build_object('id', a.id, 'seq', a.seq, 'actorType', a.actor_type,
        'actorId', a.actor_id, 'action', a.action, 'entityType', a.entity_type, 'entityId', a.entity_id, 'agentId', a.agent_id,
        'runId', a.run_id, 'details', a.details)
      else json_build_object('id', e.id, 'runId', e.run_id, 'agentId', e.agent_id, 'seq', e.seq, 'eventType', e.event_type,
        'stream', e.stream, 'level', e.level, 'color', e.color, 'message', e.message, 'payload', e.payload) end::text as payload
    from scanned s
    left join ${activityLog} a on s.source = ${sql.raw(String(sources.activity))} and a.seq = s.number
    left join ${runEvents} e on s.source = ${sql.raw(String(sources.runEvent))} and e.id = s.number
    where s.company_id = any(${param('companyIds', 'uuid[]')})),
  told as (
    select * from (select said.*, sum(octet_length(payload)) over (order by txid, source, number) - octet_length(payload) as before from said) sized
    where before < ${sql.raw(String(PAGE_BYTES))})
  select exists (select 1 from ${activityLog} where txid >= pg_snapshot_xmin(pg_current_snapshot()))
      or exists (select 1 from ${runEvents} where txid >= pg_snapshot_xmin(pg_current_snapshot())) as "isHeldUp",
    ${fallenStandings} as fallen, (select count(*)::int from scanned) as scanned,
    last.txid::text as "lastTxid", last.source as "lastSource", last.number as "lastNumber",
    told.txid::text as txid, told.source, told.number, told.company_id as "companyId", told.action, told.created_at as "createdAt", told.payload
  from (select 1) once left join last on true left join told on true
  order by told.txid, told.source, told.number`)

const entryOf = (row: Told & { companyId: string }): Entry => ({
  place: { txid: BigInt(row.txid), source: row.source, number: row.number },
  companyId: row.companyId,
  type: row.source === sources.activity ? 'activity.logged' : 'heartbeat.run.event',
  action: row.action,
  createdAt: row.createdAt,
  payload: row.payload,
})

/**
 * Reads what comes behind a place, in order, of some companies, and asks whether credentials still stand: one statement,
 * hence one snapshot.
 * @param window what the look before said
 */
export async function lookBehind(
  db: Pick<ReadDb, 'run'>,
  place: Place,
  companyIds: readonly string[],
  standings: Standings = { keyIds: [], runIds: [] },
  window = WIDE,
): Promise<Look> {
  const txid = String(place.txid)
  const isBehindActivity = place.source === sources.runEvent
  const rows = await db.run(read, {
    ...standings,
    companyIds,
    activityTxid: txid,
    activitySeq: isBehindActivity ? Number.MAX_SAFE_INTEGER : place.number,
    eventTxid: txid,
    eventId: isBehindActivity ? place.number : 0,
    window,
  })
  const [first] = rows as [Row]
  const entries = rows.flatMap((row) => (row.companyId === null ? [] : [entryOf(row)]))
  const bytes = entries.reduce((sum, { payload }) => sum + Buffer.byteLength(payload), 0)
  const isFull = bytes >= PAGE_BYTES
  const hasMore = isFull || first.scanned === window
  return {
    entries,
    upTo: (isFull ? entries.at(-1)?.place : placeIn(first)) ?? place,
    more: hasMore,
    window: isFull ? entries.length * 2 : Math.min(entries.length * SPARSE > window ? WIDE : WIDEST, window * 2),
    isHeldUp: first.isHeldUp,
    fallen: first.fallen,
  }
}

/**
 * The last of what was scanned, of whatever company; undefined where nothing was. A place is always that of something
 * that has been committed, never the edge of a snapshot: the numbers of transactions that came to nothing may lie before
 * the edge, and a database that crashes gives those again that were not on disk, to entries that nobody would then read.
 */
const placeIn = ({ lastTxid, lastSource, lastNumber }: Pick<Frame, 'lastTxid' | 'lastSource' | 'lastNumber'>): Place | undefined =>
  lastTxid === null || lastSource === null || lastNumber === null
    ? undefined
    : { txid: BigInt(lastTxid), source: lastSource, number: lastNumber }

const bounds = statement<object, { ceiling: string } & Pick<Frame, 'lastTxid' | 'lastSource' | 'lastNumber'>>('feed_bounds').read(sql`
  select pg_snapshot_xmax(pg_current_snapshot())::text as ceiling,
    last.txid::text as "lastTxid", last.source as "lastSource", last.number as "lastNumber"
  from (select 1) once left join lateral (
    select * from (
      (select txid, ${sql.raw(String(sources.activity))} as source, seq as number from ${activityLog}
        where txid < pg_snapshot_xmin(pg_current_snapshot()) order by txid desc, seq desc limit 1)
      union all
      (select txid, ${sql.raw(String(sources.runEvent))}, id from ${runEvents}
        where txid < pg_snapshot_xmin(pg_current_snapshot()) order by txid desc, id desc limit 1)) both_sources
    order by txid desc, source desc, number desc limit 1) last on true`)

/** Where the present is: nothing that commits from now on lies before the edge, and nothing at all behind the ceiling. */
export async function presentOf(db: Pick<ReadDb, 'run'>): Promise<{ edge: Place; ceiling: Place }> {
  const { ceiling, ...last } = only(await db.run(bounds, {}))
  return { edge: placeIn(last) ?? beginning, ceiling: edgeAt(ceiling) }
}
