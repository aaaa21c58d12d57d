import { sql } from 'drizzle-orm'
import { revokedCredentials } from '../../auth/credentialStatus.ts'
import type { CredentialIds } from '../../auth/credentialStatus.ts'
import { activityLog } from '../../platform/db/tables.ts'
import { runEvents } from '../../model/runRecords.ts'
import { eventHorizon } from '../../platform/db/eventOrder.ts'
import type { EventHorizon } from '../../platform/db/eventOrder.ts'
import { isoJson, param, statement } from '../../platform/db/statement.ts'
import type { ReadDb } from '../../platform/db/types.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import type { Instant } from '../../platform/kernel/time.ts'
import { START, startOfTx, sources } from './position.ts'
import type { Position } from './position.ts'

/** One event of a company, at its position. */
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

/** The result of one read of the event log. */
export interface EventBatch {
  readonly entries: readonly FeedEntry[]
  /** Every event up to here has been read. */
  readonly endPosition: Position
  /** More events can be read at once. */
  readonly hasMore: boolean
  /** How many rows to scan next: fewer when they are big, because Postgres encodes all of them as JSON. */
  readonly nextScanRows: number
  /** Nothing up to this horizon remains to be read; undefined when more can be read at once. */
  readonly readThrough: string | undefined
  /** A transaction is being committed whose events are not readable yet, and with it all that have later tickets. */
  readonly blockedByOlderTx: boolean
  /** Ids of the given keys, runs and sessions whose credential has been revoked or has expired. */
  readonly revoked: readonly string[]
}

/** Rows of all companies that one statement scans: 1 ms. */
const SCAN_ROWS = 250
/** The same when nearly all rows are of other companies: a small company then reads through 300,000 rows in a quarter of the time. */
const MAX_SCAN_ROWS = 2000
/** Rows are sparse when at most one in this many is of the requested companies. */
const SPARSE_RATIO = 16
/** The size of a batch, plus one entry: the memory that a slow subscriber takes. */
const BATCH_BYTES = 256 * 1024

interface Params {
  companyIds: readonly string[]
  activityTxid: string
  activitySeq: number
  eventTxid: string
  eventId: number
  horizon: string
  window: number
}

interface ScanState {
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

// Up to the horizon every transaction has ended, so no further row can appear there. A row that commits late lies behind
// the horizon until it has committed; a read by number alone would skip it. The window is applied before the company
// filter: the planner does not know how tickets are distributed, and would sort all rows of a company.
const readAfterQuery = statement<Params, Row>('feed_read_after').read(sql`
  with scanned as materialized (
    select * from (
      (select txid, ${sql.raw(String(sources.activity))} as source, seq as number, company_id from ${activityLog}
        where (txid, seq) > (${param('activityTxid', 'xid8')}, ${param('activitySeq', 'bigint')})
          and txid <= ${param('horizon', 'xid8')}
        order by txid, seq limit ${param('window', 'int')})
      union all
      (select txid, ${sql.raw(String(sources.runEvent))}, id, company_id from ${runEvents}
        where (txid, id) > (${param('eventTxid', 'xid8')}, ${param('eventId', 'bigint')})
          and txid <= ${param('horizon', 'xid8')}
        order by txid, id limit ${param('window', 'int')})) both_sources
    order by txid, source, number limit ${param('window', 'int')}),
  last as (select txid, source, number from scanned order by txid desc, source desc, number desc limit 1),
  payloads as (
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
  batch as (
    select * from (select payloads.*, sum(octet_length(payload)) over (order by txid, source, number) - octet_length(payload) as before from payloads) sized
    where before < ${sql.raw(String(BATCH_BYTES))})
  select (select count(*)::int from scanned) as scanned,
    last.txid::text as "lastTxid", last.source as "lastSource", last.number as "lastNumber",
    batch.txid::text as txid, batch.source, batch.number, batch.company_id as "companyId", batch.action, batch.created_at as "createdAt",
    batch.payload
  from (select 1) once left join last on true left join batch on true
  order by batch.txid, batch.source, batch.number`)

const entryOf = (row: EntryRow & { companyId: string }): FeedEntry => ({
  position: { txid: BigInt(row.txid), source: row.source, number: row.number },
  companyId: row.companyId,
  type: row.source === sources.activity ? 'activity.logged' : 'heartbeat.run.event',
  action: row.action,
  createdAt: row.createdAt,
  payload: row.payload,
})

const horizonQuery = statement<CredentialIds, EventHorizon & { revoked: string[] }>('feed_horizon').read(sql`
  select horizon::text, newest::text, ${revokedCredentials} as revoked from event_horizon()`)

const NO_CREDENTIALS: CredentialIds = { keyIds: [], runIds: [], sessionIds: [], boardKeyIds: [] }

export interface ReadOptions {
  /** The credentials to check. */
  readonly credentials?: CredentialIds
  /** `nextScanRows` of the batch before. */
  readonly scanRows?: number | undefined
  /** `readThrough` of the batch before: while the horizon has not moved, there is nothing to read. */
  readonly readThrough?: string | undefined
}

/**
 * Reads the events of some companies after a position, in order, and checks which credentials are revoked: the horizon
 * first, then one statement, hence one snapshot.
 */
export async function readAfter(
  db: Pick<ReadDb, 'run'>,
  position: Position,
  companyIds: readonly string[],
  { credentials = NO_CREDENTIALS, scanRows = SCAN_ROWS, readThrough }: ReadOptions = {},
): Promise<EventBatch> {
  const { horizon, newest, revoked } = exactlyOne(await db.run(horizonQuery, credentials))
  const blockedByOlderTx = newest !== horizon
  if (horizon === readThrough)
    return { entries: [], endPosition: position, hasMore: false, nextScanRows: scanRows, readThrough, blockedByOlderTx, revoked }
  const txid = String(position.txid)
  const isAfterActivity = position.source === sources.runEvent
  const rows = await db.run(readAfterQuery, {
    companyIds,
    activityTxid: txid,
    activitySeq: isAfterActivity ? Number.MAX_SAFE_INTEGER : position.number,
    eventTxid: txid,
    eventId: isAfterActivity ? position.number : 0,
    horizon,
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
    hasMore,
    nextScanRows: isFull
      ? entries.length * 2
      : Math.min(entries.length * SPARSE_RATIO > scanRows ? SCAN_ROWS : MAX_SCAN_ROWS, scanRows * 2),
    readThrough: hasMore ? undefined : horizon,
    blockedByOlderTx,
    revoked,
  }
}

/**
 * The position of the last row that was scanned, of any company; undefined when there was no row. It is always the
 * position of a committed event and never the horizon: tickets of rolled-back transactions may lie below the horizon, and
 * after a crash Postgres gives those that were not on disk again. The events of those transactions would be skipped.
 */
const lastPosition = ({
  lastTxid,
  lastSource,
  lastNumber,
}: Pick<ScanState, 'lastTxid' | 'lastSource' | 'lastNumber'>): Position | undefined =>
  lastTxid === null || lastSource === null || lastNumber === null
    ? undefined
    : { txid: BigInt(lastTxid), source: lastSource, number: lastNumber }

const watermarksQuery = statement<{ horizon: string }, Pick<ScanState, 'lastTxid' | 'lastSource' | 'lastNumber'>>('feed_watermarks')
  .read(sql`
  select last.txid::text as "lastTxid", last.source as "lastSource", last.number as "lastNumber"
  from (select 1) once left join lateral (
    select * from (
      (select txid, ${sql.raw(String(sources.activity))} as source, seq as number from ${activityLog}
        where txid <= ${param('horizon', 'xid8')} order by txid desc, seq desc limit 1)
      union all
      (select txid, ${sql.raw(String(sources.runEvent))}, id from ${runEvents}
        where txid <= ${param('horizon', 'xid8')} order by txid desc, id desc limit 1)) both_sources
    order by txid desc, source desc, number desc limit 1) last on true`)

/** Reads the present: no event that commits from now on lies before the low watermark, and none at all behind the high one. */
export async function readWatermarks(db: Pick<ReadDb, 'run'>): Promise<{ lowWatermark: Position; highWatermark: Position }> {
  const { horizon, newest } = await eventHorizon(db)
  const last = exactlyOne(await db.run(watermarksQuery, { horizon }))
  return { lowWatermark: lastPosition(last) ?? START, highWatermark: startOfTx(BigInt(newest) + 1n) }
}
