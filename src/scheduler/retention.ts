import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'drizzle-orm'
import type { Ctx, Store } from '../platform/db/types.ts'
import { deleteExpiredResponses } from '../platform/db/idempotency.ts'
import { lockingRead } from '../platform/db/locks.ts'
import { changed, mutate, unchanged } from '../platform/db/mutate.ts'
import { companies } from '../model/companies.ts'
import { runEvents, runLogChunks, servers } from '../model/runRecords.ts'
import { runs } from '../model/runs.ts'
import { wakes } from '../model/wakes.ts'
import { param, statement } from '../platform/db/statement.ts'
import type { Statement } from '../platform/db/statement.ts'
import { writeUnaudited } from '../platform/db/unaudited.ts'
import { recordsForgotten } from '../engine/runs/index.ts'

/** How long what is over is kept, in days; 0 keeps it for ever. Audit rows are never removed. */
export interface Retention {
  /** What runs wrote, and what happened to them step by step. */
  readonly logDays: number
  readonly wakeDays: number
  /** Runs themselves, and with each the issues that it has lost by decree. */
  readonly runDays: number
}

/** Rows removed by one statement: short locks, and a transaction that is over before anybody waits for it. */
const BATCH_SIZE = 200
/** Between two batches, so that requests come first. */
const BATCH_PAUSE_MS = 20

const limit = sql.raw(String(BATCH_SIZE))
const cutoff = sql`now() - make_interval(days => ${param('days', 'int')})`

interface Days {
  days: number
}

// Nothing here waits for a row: what somebody else has locked is passed, and goes in another round.
const deleteChunks = statement<Days, { gone: true }>('retain_chunks').unaudited(sql`
  delete from ${runLogChunks} d using (
    select c.run_id, c.start_offset from ${runLogChunks} c join ${runs} r on r.id = c.run_id and r.finished_at < ${cutoff}
    where c.created_at < ${cutoff} order by c.created_at limit ${limit} for update of c skip locked) old
  where d.run_id = old.run_id and d.start_offset = old.start_offset returning true as gone`)

/** The oldest of each company first, so that a batch is found without looking at what stays. */
const deleteEvents = statement<Days, { gone: true }>('retain_events').unaudited(sql`
  delete from ${runEvents} d using (
    select x.id from ${runEvents} x where x.id = any(array(
      select e.id from ${companies} c cross join lateral (
        select o.id, o.created_at from ${runEvents} o where o.company_id = c.id order by o.id limit ${limit}) e
      where e.created_at < ${cutoff} order by e.id limit ${limit}))
    order by x.id for update skip locked) old
  where d.id = old.id returning true as gone`)

// A server of another host that died. Those of this host are forgotten when their children are.
const deleteServers = statement<object, { gone: true }>('retain_servers').unaudited(sql`
  delete from ${servers} d using (
    select s.id from ${servers} s where s.last_seen_at < now() - interval '7 days' order by s.id limit ${limit} for update skip locked) old
  where d.id = old.id returning true as gone`)

async function deleteInBatches<P>(store: Store, batch: Statement<P, { gone: true }, 'unaudited'>, params: P): Promise<number> {
  for (let deletedCount = 0; ; await sleep(BATCH_PAUSE_MS)) {
    const { length } = await writeUnaudited(store, batch, params)
    deletedCount += length
    if (length === 0) return deletedCount
  }
}

interface Cutoffs {
  wakeDays: number | null
  runDays: number | null
}

const olderThan = (name: string) => sql`coalesce(now() - make_interval(days => ${param(name, 'int')}), '-infinity')`

const companiesWithExpired = statement<Cutoffs, { companyId: string }>('retain_ripe').read(sql`
  (select distinct w.company_id as "companyId" from (
    select company_id from ${wakes} where finished_at < ${olderThan('wakeDays')} order by finished_at limit ${limit}) w)
  union
  select c.id from ${companies} c where exists (
    select 1 from (select finished_at from ${runs} o where o.company_id = c.id order by o.created_at, o.id limit ${limit}) r
    where r.finished_at < ${olderThan('runDays')})`)

// Whoever deletes a company or an agent holds the company, so that no two deletions meet in the rows that hang on a run.
const lockCompany = lockingRead(
  'company',
  statement<{ companyId: string }, { id: string }>('retain_company').read(
    sql`select id from ${companies} where id = ${param('companyId')} for no key update skip locked`,
  ),
)

interface Batch extends Cutoffs {
  companyId: string
}

// FOR UPDATE, because a deletion is no less: whoever refers to a run at this moment keeps it for another round.
const lockRuns = lockingRead(
  'run',
  statement<Batch, { id: string }>('retain_lock_runs').read(sql`
    select x.id from ${runs} x where x.id = any(array(
      select r.id from (select o.id, o.finished_at from ${runs} o where o.company_id = ${param('companyId')}
        order by o.created_at, o.id limit ${limit}) r where r.finished_at < ${olderThan('runDays')}))
    order by x.id for update skip locked`),
)

const lockWakes = lockingRead(
  'wake',
  statement<Batch, { id: string }>('retain_lock_wakes').read(sql`
    select x.id from ${wakes} x where x.id = any(array(
      select w.id from ${wakes} w where w.company_id = ${param('companyId')} and w.finished_at < ${olderThan('wakeDays')}
      order by w.finished_at limit ${limit}))
    order by x.id for update skip locked`),
)

const deleteRuns = statement<{ ids: string[] }, { id: string }>('retain_delete_runs').write(
  sql`delete from ${runs} where id = any(${param('ids', 'uuid[]')}) returning id`,
)
const deleteWakes = statement<{ ids: string[] }, { id: string }>('retain_delete_wakes').write(
  sql`delete from ${wakes} where id = any(${param('ids', 'uuid[]')}) returning id`,
)

interface DeletedCounts {
  readonly runs: number
  readonly wakes: number
}

const NONE_DELETED: DeletedCounts = { runs: 0, wakes: 0 }

/** Removes one batch of a company's finished runs and wakes; the audit says how many. */
async function deleteBatch(store: Store, companyId: string, cutoffs: Cutoffs): Promise<DeletedCounts> {
  const ctx: Ctx = { actor: { kind: 'system', task: 'retention' }, companyId, requestId: null, store, idempotency: null }
  return await mutate(ctx, async (tx) => {
    const [company] = await lockCompany(tx, { companyId })
    if (company === undefined) return unchanged(NONE_DELETED)
    const runIds = (await lockRuns(tx, { companyId, ...cutoffs })).map((row) => row.id)
    const wakeIds = (await lockWakes(tx, { companyId, ...cutoffs })).map((row) => row.id)
    const counts: DeletedCounts = { runs: runIds.length, wakes: wakeIds.length }
    if (runIds.length + wakeIds.length === 0) return unchanged(counts)
    if (runIds.length > 0) await tx.run(deleteRuns, { ids: runIds })
    if (wakeIds.length > 0) await tx.run(deleteWakes, { ids: wakeIds })
    return changed(counts, recordsForgotten(companyId, { ...counts }))
  })
}

async function deleteRecords(store: Store, cutoffs: Cutoffs): Promise<DeletedCounts> {
  const sum = { ...NONE_DELETED }
  for (;;) {
    let deletedCount = 0
    for (const { companyId } of await store.read.run(companiesWithExpired, cutoffs)) {
      const batch = await deleteBatch(store, companyId, cutoffs)
      sum.runs += batch.runs
      sum.wakes += batch.wakes
      deletedCount += batch.runs + batch.wakes
      await sleep(BATCH_PAUSE_MS)
    }
    // What is left is locked by somebody, or there is nothing left.
    if (deletedCount === 0) return sum
  }
}

const daysOrNull = (count: number): number | null => (count === 0 ? null : count)

/**
 * Removes what is over and past its time, in small batches, on any number of servers at once.
 * @returns how many rows of each kind went
 */
export async function applyRetention(
  store: Store,
  retention: Retention,
): Promise<DeletedCounts & { answers: number; chunks: number; events: number }> {
  const answers = await deleteInBatches(store, deleteExpiredResponses, {})
  const isKeptForever = retention.logDays === 0
  const chunks = isKeptForever ? 0 : await deleteInBatches(store, deleteChunks, { days: retention.logDays })
  const events = isKeptForever ? 0 : await deleteInBatches(store, deleteEvents, { days: retention.logDays })
  await deleteInBatches(store, deleteServers, {})
  return {
    answers,
    chunks,
    events,
    ...(await deleteRecords(store, { wakeDays: daysOrNull(retention.wakeDays), runDays: daysOrNull(retention.runDays) })),
  }
}
