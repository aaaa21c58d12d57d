import { sql } from 'drizzle-orm'
import { activityChain } from '../../model/audit.ts'
import { isoJson, param, statement } from '../../platform/db/statement.ts'
import type { ReadDb, Store } from '../../platform/db/types.ts'
import type { Instant } from '../../platform/kernel/time.ts'
import type { Log } from '../../platform/kernel/log.ts'
import type { Head, HeadFile, RecordedHead } from './heads.ts'
import type { Witness } from './witness.ts'
import type { Mark } from './seal.ts'

interface ChainHead extends Head {
  readonly at: Instant
}

const now = isoJson(sql`clock_timestamp()`)

const headsMovedSince = statement<Mark, ChainHead>('heads_moved').read(sql`
  select distinct on (company_id) company_id as "companyId", position, encode(hash, 'hex') as hash, ${now} as at
  from ${activityChain} where (txid, seq) > (${param('txid', 'xid8')}, ${param('seq', 'bigint')})
  order by company_id, position desc`)

// Hops from company to company through the primary key; the chain itself may have millions of rows.
const allHeads = statement<object, ChainHead>('heads_all').read(sql`
  with recursive company(id) as (
    (select company_id from ${activityChain} order by company_id limit 1)
    union all
    select (select company_id from ${activityChain} where company_id > company.id order by company_id limit 1)
    from company where company.id is not null)
  select head.company_id as "companyId", head.position, encode(head.hash, 'hex') as hash, ${now} as at
  from company cross join lateral (
    select company_id, position, hash from ${activityChain} where company_id = company.id order by position desc limit 1) head`)

const headsAt = statement<{ companyIds: string[]; positions: number[] }, Head>('heads_at').read(sql`
  select company_id as "companyId", position, encode(hash, 'hex') as hash from ${activityChain}
  where (company_id, position) in (select * from unnest(${param('companyIds', 'uuid[]')}, ${param('positions', 'bigint[]')}))`)

/** Reads the heads of all chains. */
export const currentHeads = (db: Pick<ReadDb, 'run'>): Promise<ChainHead[]> => db.run(allHeads, {})

/** Returns those of the recorded heads that are no longer on their chain, by company. */
export async function findContradicted(db: Pick<ReadDb, 'run'>, recorded: readonly Head[]): Promise<Map<string, Head>> {
  if (recorded.length === 0) return new Map()
  const found = await db.run(headsAt, {
    companyIds: recorded.map((head) => head.companyId),
    positions: recorded.map((head) => head.position),
  })
  const hashes = new Map(found.map((head) => [head.companyId, head.hash]))
  return new Map(recorded.filter((head) => hashes.get(head.companyId) !== head.hash).map((head) => [head.companyId, head]))
}

/** Records the heads of all chains outside the database. */
export interface HeadRecorder {
  /** Records every head that has moved since the last call, also heads that another server moved. Returns at once when the mark has not moved. */
  record(mark: Mark | null): Promise<void>
}

/**
 * Creates the recorder of heads, which writes to an open witness. It costs an idle server nothing, because the mark comes with the query for rows to seal.
 *
 * A head that was recorded must still be on the chain when the next one is recorded. If it is not, the chain has been cut
 * or rewritten: the recorder logs that and writes it into the file together with the new head.
 */
export function createHeadRecorder(
  store: Store,
  { file, witness }: { readonly file: HeadFile; readonly witness: Witness },
  log: Log,
): HeadRecorder {
  let recordedHeads: Map<string, Head> | undefined
  let recordedMark: Mark | null = null
  let { acceptances } = file.state

  return {
    async record(mark) {
      if (acceptances !== file.state.acceptances) {
        acceptances = file.state.acceptances
        recordedHeads = undefined
        recordedMark = null
      }
      if (mark === null || (recordedMark !== null && recordedMark.txid === mark.txid && recordedMark.seq === mark.seq)) return
      recordedHeads ??= new Map(await file.newestHeads())
      const knownHeads = recordedHeads
      // The first call in a process compares every chain with the file: a chain may have been cut while no server ran.
      const found = await (recordedMark === null ? store.read.run(allHeads, {}) : store.read.run(headsMovedSince, recordedMark))
      const moved = found.filter((head) => knownHeads.get(head.companyId)?.hash !== head.hash)
      const before = moved.map((head) => knownHeads.get(head.companyId)).filter((head) => head !== undefined)
      const broken = await findContradicted(store.read, before)
      const lines = moved.map((head): RecordedHead => {
        const lost = broken.get(head.companyId)
        return lost === undefined ? head : { ...head, contradicts: { position: lost.position, hash: lost.hash } }
      })
      await witness.append(lines)
      for (const head of moved) {
        const lost = broken.get(head.companyId)
        if (lost !== undefined) {
          file.state.doubt ??= 'contradicted'
          log.error({ companyId: head.companyId, position: lost.position }, 'the audit chain contradicts its recorded head')
        }
        knownHeads.set(head.companyId, head)
      }
      recordedMark = mark
    },
  }
}
