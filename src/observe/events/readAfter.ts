import { sql } from 'drizzle-orm'
import { revokedCredentials } from '../../auth/credentialStatus.ts'
import type { CredentialIds } from '../../auth/credentialStatus.ts'
import { activityLog } from '../../platform/db/tables.ts'
import { runEvents } from '../../model/runRecords.ts'
import { isoJson, param, statement } from '../../platform/db/statement.ts'
import type { ReadDb } from '../../platform/db/types.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import type { Instant } from '../../platform/kernel/time.ts'
import { START, startOfTx, sources } from './position.ts'
import type { Position } from './position.ts'

/** Something that happened in a company, once and at its place. */
export interface FeedEntry {
  readonly position: Position
  readonly companyId: string
  readonly type: 'activity.logged' | 'heartbeat.run.event'
  /** The action of an audit row. */
  readonly action: string | null
  readonly createdAt: Instant
  /** JSON, as Postgres wrote it. */
  readonly payload: string
}

/** What one look came to. */
export interface EventBatch {
  readonly entries: readonly FeedEntry[]
  /** Everything up to here has been read. */
  readonly endPosition: Position
  /** There is more to read at once. */
  readonly hasMore: boolean
  /** How many rows to look at next: fewer where they are big, because Postgres puts all of them into words. */
  readonly nextScanRows: number
  /** Something has been committed that cannot be told yet, because an older transaction is still under way. */
  readonly blockedByOlderTx: boolean
  /** Ids of the keys and runs asked about whose credential is worth nothing any more. */
  readonly revoked: readonly string[]
}

/** Rows looked at in one statement, of whatever company: 1 ms. */
const SCAN_ROWS = 250
/** The same where nearly all of them are of other companies: a small one's way through 300,000 rows took a quarter of the time. */
const MAX_SCAN_ROWS = 2000
/** One row in this many is asked for, or fewer. */
const SPARSE_RATIO = 16
/** What a page holds at the most, and one entry beyond: this much is kept for every reader that is slow. */
const BATCH_BYTES = 256 * 1024

interface Params extends CredentialIds {
  companyIds: readonly string[]
  activityTxid: string
  activitySeq: number
  eventTxid: string
  eventId: number
  window: number
}

interface ScanState {
  isHeldUp: boolean
  fallen: string[]
  scanned: number
  lastTxid: string | null
  lastSource: number | null
  lastNumber: number | null
}

type Row = ScanState & (({ companyId: string } & EntryRow) | { companyId: null })

interface EntryRow {
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
    where before < ${sql.raw(String(BATCH_BYTES))})
  select exists (select 1 from ${activityLog} where txid >= pg_snapshot_xmin(pg_current_snapshot()))
      or exists (select 1 from ${runEvents} where txid >= pg_snapshot_xmin(pg_current_snapshot())) as "isHeldUp",
    ${revokedCredentials} as fallen, (select count(*)::int from scanned) as scanned,
    last.txid::text as "lastTxid", last.source as "lastSource", last.number as "lastNumber",
    told.txid::text as txid, told.source, told.number, told.company_id as "companyId", told.action, told.created_at as "createdAt", told.payload
  from (select 1) once left join last on true left join told on true
  order by told.txid, told.source, told.number`)

const entryOf = (row: EntryRow & { companyId: string }): FeedEntry => ({
  position: { txid: BigInt(row.txid), source: row.source, number: row.number },
  companyId: row.companyId,
  type: row.source === sources.activity ? 'activity.logged' : 'heartbeat.run.event',
  action: row.action,
  createdAt: row.createdAt,
  payload: row.payload,
})

/**
 * Reads what comes behind a place, in order, of some companies, and asks whether credentials still stand: one statement,
 * hence one snapshot.
 * @param scanRows what the look before said
 */
export async function readAfter(
  db: Pick<ReadDb, 'run'>,
  position: Position,
  companyIds: readonly string[],
  credentials: CredentialIds = { keyIds: [], runIds: [] },
  scanRows = SCAN_ROWS,
): Promise<EventBatch> {
  const txid = String(position.txid)
  const isAfterActivity = position.source === sources.runEvent
  const rows = await db.run(read, {
    ...credentials,
    companyIds,
    activityTxid: txid,
    activitySeq: isAfterActivity ? Number.MAX_SAFE_INTEGER : position.number,
    eventTxid: txid,
    eventId: isAfterActivity ? position.number : 0,
    window: scanRows,
  })
  const [first] = rows as [Row]
  const entries = rows.flatMap((row) => (row.companyId === null ? [] : [entryOf(row)]))
  const bytes = entries.reduce((sum, { payload }) => sum + Buffer.byteLength(payload), 0)
  const isFull = bytes >= BATCH_BYTES
  const hasMore = isFull || first.scanned === scanRows
  return {
    entries,
    endPosition: (isFull ? entries.at(-1)?.position : lastPosition(first)) ?? position,
    hasMore: hasMore,
    nextScanRows: isFull
      ? entries.length * 2
      : Math.min(entries.length * SPARSE_RATIO > scanRows ? SCAN_ROWS : MAX_SCAN_ROWS, scanRows * 2),
    blockedByOlderTx: first.isHeldUp,
    revoked: first.fallen,
  }
}

/**
 * The last of what was scanned, of whatever company; undefined where nothing was. A place is always that of something
 * that has been committed, never the edge of a snapshot: the numbers of transactions that came to nothing may lie before
 * the edge, and a database that crashes gives those again that were not on disk, to entries that nobody would then read.
 */
const lastPosition = ({
  lastTxid,
  lastSource,
  lastNumber,
}: Pick<ScanState, 'lastTxid' | 'lastSource' | 'lastNumber'>): Position | undefined =>
  lastTxid === null || lastSource === null || lastNumber === null
    ? undefined
    : { txid: BigInt(lastTxid), source: lastSource, number: lastNumber }

const watermarksQuery = statement<object, { ceiling: string } & Pick<ScanState, 'lastTxid' | 'lastSource' | 'lastNumber'>>('feed_bounds')
  .read(sql`
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
export async function readWatermarks(db: Pick<ReadDb, 'run'>): Promise<{ lowWatermark: Position; highWatermark: Position }> {
  const { ceiling: highWatermark, ...last } = exactlyOne(await db.run(watermarksQuery, {}))
  return { lowWatermark: lastPosition(last) ?? START, highWatermark: startOfTx(highWatermark) }
}
