import { sql } from 'drizzle-orm'
import { activityLog } from '../../platform/db/tables.ts'
import { activityChain } from '../../model/audit.ts'
import { isoJson, param, statement } from '../../platform/db/statement.ts'
import type { ReadDb } from '../../platform/db/types.ts'
import type { Instant } from '../../platform/kernel/time.ts'
import { GENESIS, storedColumns } from './row.ts'
import type { StoredRow } from './row.ts'

/** Links read at once. Bounds the memory of reading a chain of any length, and limits one stall of this thread to 10 ms. */
const LINKS_PER_PAGE = 1000

/** The end of a company's chain, and the position up to which the whole log is sealed. */
export interface ChainEnd {
  /** 0 while nothing is sealed. */
  readonly position: number
  readonly hash: string
  readonly markTxid: string
  readonly markSeq: number
  readonly at: Instant
}

const chainEndQuery = statement<{ companyId: string }, ChainEnd>('chain_end').read(sql`
  select coalesce(head.position, 0) as position, coalesce(encode(head.hash, 'hex'), ${sql.raw(`'${GENESIS}'`)}) as hash,
    coalesce(mark.txid::text, '0') as "markTxid", coalesce(mark.seq, 0) as "markSeq", ${isoJson(sql`clock_timestamp()`)} as at
  from (select 1) once
  left join (select position, hash from ${activityChain} where company_id = ${param('companyId', 'uuid')} order by position desc limit 1) head on true
  left join (select txid, seq from ${activityChain} order by txid desc, seq desc limit 1) mark on true`)

/** Reads the end of a chain. */
export async function chainEnd(db: Pick<ReadDb, 'run'>, companyId: string): Promise<ChainEnd> {
  const [end] = await db.run(chainEndQuery, { companyId })
  return end ?? { position: 0, hash: GENESIS, markTxid: '0', markSeq: 0, at: '' }
}

/** A link of the chain. The columns of its row are null when the row no longer exists. */
export type Link = {
  readonly position: number
  readonly hash: string
  readonly linkTxid: string
  readonly linkSeq: number
} & (StoredRow | { readonly [K in keyof StoredRow]: null })

const linksAfter = statement<{ companyId: string; after: number; upTo: number; limit: number }, Link>('chain_links').read(sql`
  select link.position, encode(link.hash, 'hex') as hash, link.txid::text as "linkTxid", link.seq as "linkSeq", stored.*
  from ${activityChain} link left join lateral (select ${storedColumns} from ${activityLog} where seq = link.seq) stored on true
  where link.company_id = ${param('companyId', 'uuid')} and link.position > ${param('after', 'bigint')}
    and link.position <= ${param('upTo', 'bigint')}
  order by link.position limit ${param('limit', 'int')}`)

/** Reads a range of a chain with its rows, a page at a time. It holds no connection between pages. */
export async function* readLinks(db: Pick<ReadDb, 'run'>, companyId: string, from: number, upTo: number): AsyncGenerator<Link> {
  for (let after = from - 1; after < upTo;) {
    const page = await db.run(linksAfter, { companyId, after, upTo, limit: LINKS_PER_PAGE })
    yield* page
    const last = page.at(-1)
    if (last === undefined) return
    after = last.position
  }
}

/** Rows of the log that one query searches for a row without a link. */
const ROWS_PER_PAGE = 10_000

// Numbers as text: an intruder who inserts a row chooses its number, and may choose one that a JavaScript number cannot hold.
interface UnchainedPage {
  readonly last: string | null
  /** Rows behind the mark: they are still to be sealed. */
  readonly unsealed: number
  /** The first row before the mark that has no link. */
  readonly unchained: string | null
}

const unchainedAfter = statement<
  { companyId: string; after: string | null; markTxid: string; markSeq: number; limit: number },
  UnchainedPage
>('chain_unchained').read(sql`
  with page as (select seq, txid, (txid, seq) > (${param('markTxid', 'xid8')}, ${param('markSeq', 'bigint')}) as due from ${activityLog}
    where company_id = ${param('companyId', 'uuid')} and (${param('after', 'bigint')} is null or seq > ${param('after', 'bigint')})
    order by seq limit ${param('limit', 'int')})
  select (select max(seq) from page)::text as last, (select count(*) from page where due) as unsealed,
    (select min(page.seq)::text from page where not due and not exists (
      select 1 from ${activityChain} link where link.txid = page.txid and link.seq = page.seq
        and link.company_id = ${param('companyId', 'uuid')})) as unchained`)

/** A row that lies among sealed rows without a link of its own. */
export interface UnchainedRow {
  readonly seq: number
  readonly id: string
  readonly action: string
  /** Position of the link that follows it; null when the company's chain ends before it. */
  readonly before: number | null
}

const describeUnchained = statement<{ companyId: string; seq: string }, UnchainedRow>('chain_unchained_row').read(sql`
  select row.seq, row.id, row.action, (
    select link.position from ${activityChain} link
    where link.company_id = row.company_id and (link.txid, link.seq) > (row.txid, row.seq) order by link.txid, link.seq limit 1) as before
  from ${activityLog} row where row.seq = ${param('seq', 'bigint')} and row.company_id = ${param('companyId', 'uuid')}`)

/** Numbers that rows of transactions in progress may be behind those of rows that were sealed before them. */
const SEQ_MARGIN = 100_000

/** The number of the row at a position less the margin, from which later rows are searched; null for the first position, or without a link. */
export async function seqBefore(db: Pick<ReadDb, 'run'>, companyId: string, position: number): Promise<string | null> {
  if (position <= 1) return null
  for await (const link of readLinks(db, companyId, position, position)) return String(Math.max(0, Number(link.linkSeq) - SEQ_MARGIN))
  return null
}

/**
 * Searches a company's log for rows without a link, and counts the rows that are still to be sealed.
 * @param from the number behind which it is searched; null for all of it
 */
export async function findUnchained(
  db: Pick<ReadDb, 'run'>,
  companyId: string,
  end: ChainEnd,
  from: string | null = null,
): Promise<{ readonly unsealed: number; readonly unchained: UnchainedRow | null }> {
  const { markTxid, markSeq } = end
  let unsealed = 0
  let found: string | null = null
  for (let after: string | null | undefined = from; after !== undefined;) {
    const [page]: UnchainedPage[] = await db.run(unchainedAfter, { companyId, after, markTxid, markSeq, limit: ROWS_PER_PAGE })
    unsealed += page?.unsealed ?? 0
    found ??= page?.unchained ?? null
    after = page?.last ?? undefined
  }
  if (found === null) return { unsealed, unchained: null }
  const [unchained] = await db.run(describeUnchained, { companyId, seq: found })
  return { unsealed, unchained: unchained ?? null }
}
