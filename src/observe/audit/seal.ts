import { sql } from 'drizzle-orm'
import { codeOf } from '../../platform/db/databaseErrors.ts'
import { activityLog } from '../../platform/db/tables.ts'
import { activityChain } from '../../model/audit.ts'
import { eventHorizon } from '../../platform/db/eventOrder.ts'
import { bareArray, param, statement } from '../../platform/db/statement.ts'
import type { Store } from '../../platform/db/types.ts'
import { writeUnaudited } from '../../platform/db/unaudited.ts'
import { canonicalRow, GENESIS, linkHash, storedColumns } from './row.ts'
import type { StoredRow } from './row.ts'

/** Rows sealed at once: about 4 ms of this thread, too little to delay a request noticeably. */
const SEAL_BATCH = 400
/** How long one call works. Further rows wait for the next call, because a server that stops must not wait for a backlog. */
const SEAL_BUDGET_MS = 800
const UNIQUE_VIOLATION = '23505'

/** Every row up to here, in commit order, is sealed. */
export interface Mark {
  readonly txid: string
  readonly seq: number
}

interface UnsealedRow extends StoredRow {
  readonly markTxid: string | null
  readonly markSeq: number
  /** The mark lies behind the last ticket that was ever taken: the counter of tickets has gone back. */
  readonly isAhead: boolean
  /** The end of the company's chain before this batch. */
  readonly headPosition: number
  readonly headHash: string
}

type NextRow = UnsealedRow | (Omit<UnsealedRow, 'seq'> & { readonly seq: null })

// One statement, hence one snapshot. Up to the horizon every transaction has ended, so two servers that read the same mark
// read the same rows in the same order. A late committer lies behind the horizon until it has committed, so no row is skipped.
const nextRows = statement<{ limit: number; horizon: string }, NextRow>('seal_next').read(sql`
  with mark as (select txid, seq from ${activityChain} order by txid desc, seq desc limit 1),
  batch as materialized (
    select ${storedColumns}, ${activityLog.txid} as txid_order from ${activityLog}
    where (txid, seq) > (coalesce((select txid from mark), '0'::xid8), coalesce((select seq from mark), 0))
      and txid <= ${param('horizon', 'xid8')}
    order by ${activityLog.txid}, ${activityLog.seq} limit ${param('limit', 'int')}),
  heads as (
    select company.id, head.position, head.hash from (select distinct "companyId" as id from batch) company
    cross join lateral (select position, hash from ${activityChain} where company_id = company.id order by position desc limit 1) head)
  select batch.*, mark.txid::text as "markTxid", coalesce(mark.seq, 0) as "markSeq",
    coalesce(mark.txid > (select last_value::text::xid8 from event_tickets), false) as "isAhead",
    coalesce(heads.position, 0) as "headPosition", coalesce(encode(heads.hash, 'hex'), ${sql.raw(`'${GENESIS}'`)}) as "headHash"
  from (select 1) once left join mark on true left join batch on true left join heads on heads.id = batch."companyId"
  order by batch.txid_order, batch.seq::bigint`)

interface Links {
  companyIds: string[]
  positions: number[]
  txids: string[]
  seqs: string[]
  hashes: string[]
}

// One statement is atomic by itself and needs no transaction.
const appendLinks = statement<Record<keyof Links, string>, never>('seal_append').unaudited(sql`
  insert into ${activityChain} (company_id, position, txid, seq, hash)
  select company_id, position, txid, seq, decode(hash, 'hex')
  from unnest(${param('companyIds', 'uuid[]')}, ${param('positions', 'bigint[]')}, ${param('txids', 'xid8[]')},
    ${param('seqs', 'bigint[]')}, ${param('hashes', 'text[]')}) as link (company_id, position, txid, seq, hash)`)

/** Computes the links that append rows to their companies' chains. */
function buildLinks(rows: readonly UnsealedRow[]): Links {
  const heads = new Map<string, { position: number; hash: string }>()
  const links: Links = { companyIds: [], positions: [], txids: [], seqs: [], hashes: [] }
  for (const row of rows) {
    const head = heads.get(row.companyId) ?? { position: row.headPosition, hash: row.headHash }
    const position = head.position + 1
    const hash = linkHash(head.hash, position, canonicalRow(row))
    heads.set(row.companyId, { position, hash })
    links.companyIds.push(row.companyId)
    links.positions.push(position)
    links.txids.push(row.txid)
    links.seqs.push(row.seq)
    links.hashes.push(hash)
  }
  return links
}

/** The result of one batch. */
export interface SealResult {
  readonly rows: number
  /** Every row up to here is sealed; null while no row is. */
  readonly mark: Mark | null
  readonly isAhead: boolean
  /** More rows may be ready to be sealed. */
  readonly hasMore: boolean
  /** No row up to the horizon was left. */
  readonly isComplete: boolean
}

/**
 * Seals the next committed rows of the log, of all companies: two statements, no lock. Servers that seal at the same time
 * read the same next rows, and the chain's keys let exactly one of them append: the statements of the others fail as a
 * whole. A crash between the two statements leaves no trace (I7).
 *
 * @param readHorizon the horizon, where it has been read already
 */
export async function sealBatch(store: Store, limit: number, readHorizon?: string): Promise<SealResult> {
  const horizon = readHorizon ?? (await eventHorizon(store.read)).horizon
  const found = await store.read.run(nextRows, { limit, horizon })
  const [first] = found
  const mark = first === undefined || first.markTxid === null ? null : { txid: first.markTxid, seq: first.markSeq }
  const isAhead = first?.isAhead ?? false
  const rows = found.filter((row): row is UnsealedRow => row.seq !== null)
  const last = rows.at(-1)
  if (last === undefined) return { rows: 0, mark, isAhead, hasMore: false, isComplete: !isAhead }
  try {
    const { companyIds, positions, txids, seqs, hashes } = buildLinks(rows)
    await writeUnaudited(store, appendLinks, {
      companyIds: bareArray(companyIds),
      positions: bareArray(positions),
      txids: bareArray(txids),
      seqs: bareArray(seqs),
      hashes: bareArray(hashes),
    })
  } catch (error) {
    // Another server was faster and continues with the rest.
    if (codeOf(error) === UNIQUE_VIOLATION) return { rows: 0, mark, isAhead, hasMore: false, isComplete: false }
    throw error
  }
  return {
    rows: rows.length,
    mark: { txid: last.txid, seq: Number(last.seq) },
    isAhead,
    hasMore: rows.length === limit,
    isComplete: rows.length < limit,
  }
}

/** Seals until no row is left or the time budget is used up. */
export interface PendingSealer {
  (): Promise<SealResult>
  /** Whether nothing up to a horizon is left to be sealed. */
  isDone(horizon: string): boolean
}

/**
 * Creates the function that seals what is pending. It remembers the horizon up to which nothing was left: no row can appear there, so one
 * query shows that there is nothing to do.
 */
export function createPendingSealer(store: Store): PendingSealer {
  let idle: { readonly horizon: string; readonly result: SealResult } | undefined
  const seal = async (): Promise<SealResult> => {
    const startedAt = performance.now()
    const { horizon } = await eventHorizon(store.read)
    if (idle?.horizon === horizon) return idle.result
    idle = undefined
    let rows = 0
    for (;;) {
      const sealed = await sealBatch(store, SEAL_BATCH, horizon)
      rows += sealed.rows
      if (sealed.isComplete) idle = { horizon, result: { ...sealed, rows: 0 } }
      if (!sealed.hasMore || performance.now() - startedAt > SEAL_BUDGET_MS) return { ...sealed, rows }
    }
  }
  return Object.assign(seal, { isDone: (horizon: string) => idle?.horizon === horizon })
}
