import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import { systemCtx } from '../platform/db/context.ts'
import type { Store } from '../platform/db/types.ts'
import { deleteExpiredResponses } from '../platform/db/idempotency.ts'
import { lockingRead } from '../platform/db/locks.ts'
import { changed, mutate, unchanged } from '../platform/db/mutate.ts'
import { companies } from '../model/companies.ts'
import { runEvents, runLogChunks, servers } from '../model/runRecords.ts'
import { runEventFloors, webhookDeliveries } from '../model/webhooks.ts'
import { runs } from '../model/runs.ts'
import { wakes } from '../model/wakes.ts'
import { param, statement } from '../platform/db/statement.ts'
import type { Statement } from '../platform/db/statement.ts'
import { writeUnaudited } from '../platform/db/unaudited.ts'
import { recordsForgotten } from '../engine/runs/index.ts'

/** How long finished records are kept, in days; 0 keeps them without limit. Audit rows are never deleted. */
export interface Retention {
  /** Logs and events of runs. */
  readonly logDays: number
  readonly wakeDays: number
  /** Runs, and with each run its evictions: the issues whose hold an administrator revoked. */
  readonly runDays: number
}

/** Rows deleted by one statement: the locks are short, and the transaction ends before another one waits for it. */
const BATCH_SIZE = 200
/** The pause between two batches, so that requests come first. */
const BATCH_PAUSE_MS = 20

const limit = sql.raw(String(BATCH_SIZE))
const cutoff = sql`now() - make_interval(days => ${param('days', 'int')})`

interface Days {
  days: number
}

// Retention waits for no row: a row that another transaction has locked is skipped and deleted in another batch.
const deleteChunks = statement<Days, { deleted: true }>('retain_chunks').unaudited(sql`
  delete from ${runLogChunks} d using (
    select c.run_id, c.start_offset from ${runLogChunks} c join ${runs} r on r.id = c.run_id and r.finished_at < ${cutoff}
    where c.created_at < ${cutoff} order by c.created_at limit ${limit} for update of c skip locked) old
  where d.run_id = old.run_id and d.start_offset = old.start_offset returning true as deleted`)

/**
 * Deletes events of runs and notes in the same statement up to where, so that a reader of the event log knows what it missed. In the order of companies, in which any
 * two such statements wait for each other.
 * @param old the ids, locked
 */
const deletingEvents = (old: SQL): SQL => sql`
  with gone as (delete from ${runEvents} d using (${old}) old where d.id = old.id returning d.company_id, d.txid, d.id),
    noted as (
      insert into ${runEventFloors} as f (company_id, txid, number)
      select distinct on (company_id) company_id, txid, id from gone order by company_id, txid desc, id desc
      on conflict (company_id) do update set txid = excluded.txid, number = excluded.number
      where (f.txid, f.number) < (excluded.txid, excluded.number))
  select true as deleted from gone`

/** The oldest events of each company first, so that a batch is found without reading the events that stay. */
const deleteEvents = statement<Days, { deleted: true }>('retain_events').unaudited(
  deletingEvents(sql`
    select x.id from ${runEvents} x where x.id = any(array(
      select e.id from ${companies} c cross join lateral (
        select o.id, o.created_at from ${runEvents} o where o.company_id = c.id order by o.id limit ${limit}) e
      where e.created_at < ${cutoff} order by e.id limit ${limit}))
    order by x.id for update skip locked`),
)

/** Attempts to deliver to webhooks are for the board to look at: a month, and at most 10,000 of each endpoint. */
const deleteDeliveries = statement<object, { deleted: true }>('retain_deliveries').unaudited(sql`
  delete from ${webhookDeliveries} d using (
    select x.id from ${webhookDeliveries} x where x.created_at < now() - interval '30 days' order by x.created_at limit ${limit}
    for update skip locked) old
  where d.id = old.id returning true as deleted`)

// A server of another host that crashed. The orphan reaper deletes the servers of this host together with their processes.
const deleteServers = statement<object, { deleted: true }>('retain_servers').unaudited(sql`
  delete from ${servers} d using (
    select s.id from ${servers} s where s.last_seen_at < now() - interval '7 days' order by s.id limit ${limit} for update skip locked) old
  where d.id = old.id returning true as deleted`)

async function deleteInBatches<P, R>(store: Store, batch: Statement<P, R, 'unaudited'>, params: P): Promise<number> {
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

const companiesWithExpired = statement<Cutoffs, { companyId: string }>('retain_companies').read(sql`
  (select distinct w.company_id as "companyId" from (
    select company_id from ${wakes} where finished_at < ${olderThan('wakeDays')} order by finished_at limit ${limit}) w)
  union
  select c.id from ${companies} c where exists (
    select 1 from (select finished_at from ${runs} o where o.company_id = c.id order by o.created_at, o.id limit ${limit}) r
    where r.finished_at < ${olderThan('runDays')})`)

// The deletion of a company or an agent locks the company, so that no two deletions meet in the rows that reference a run.
const lockCompany = lockingRead(
  'company',
  statement<{ companyId: string }, { id: string }>('retain_company').read(
    sql`select id from ${companies} where id = ${param('companyId')} for no key update skip locked`,
  ),
)

interface Batch extends Cutoffs {
  companyId: string
}

/** The runs of a company that the next batch would delete. */
const expiredRuns = sql`array(
  select r.id from (select o.id, o.finished_at from ${runs} o where o.company_id = ${param('companyId')}
    order by o.created_at, o.id limit ${limit}) r where r.finished_at < ${olderThan('runDays')})`

// Logs that are kept as long as their runs would be deleted with them, by the foreign key: 8 MB for each run of a batch.
const deleteChunksOfRuns = statement<Batch, { deleted: true }>('retain_chunks_of_runs').unaudited(sql`
  delete from ${runLogChunks} d using (
    select c.run_id, c.start_offset from ${runLogChunks} c where c.run_id = any(${expiredRuns})
    order by c.run_id, c.start_offset limit ${limit} for update skip locked) old
  where d.run_id = old.run_id and d.start_offset = old.start_offset returning true as deleted`)

const deleteEventsOfRuns = statement<Batch, { deleted: true }>('retain_events_of_runs').unaudited(
  deletingEvents(
    sql`select x.id from ${runEvents} x where x.run_id = any(${expiredRuns}) order by x.run_id, x.seq limit ${limit} for update skip locked`,
  ),
)

// FOR UPDATE, because a deletion takes that lock anyway: a transaction that references a run now keeps it for another batch.
const lockRuns = lockingRead(
  'run',
  statement<Batch, { id: string }>('retain_lock_runs').read(sql`
    select x.id from ${runs} x where x.id = any(${expiredRuns}) order by x.id for update skip locked`),
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

/** Deletes one batch of a company's finished runs and wakes; one audit row records how many. */
async function deleteBatch(store: Store, companyId: string, cutoffs: Cutoffs): Promise<DeletedCounts> {
  const ctx = systemCtx(store, companyId, 'retention')
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
      if (cutoffs.runDays !== null) {
        await deleteInBatches(store, deleteChunksOfRuns, { companyId, ...cutoffs })
        await deleteInBatches(store, deleteEventsOfRuns, { companyId, ...cutoffs })
      }
      const batch = await deleteBatch(store, companyId, cutoffs)
      sum.runs += batch.runs
      sum.wakes += batch.wakes
      deletedCount += batch.runs + batch.wakes
      await sleep(BATCH_PAUSE_MS)
    }
    // The remaining rows are locked by other transactions, or no row remains.
    if (deletedCount === 0) return sum
  }
}

const daysOrNull = (count: number): number | null => (count === 0 ? null : count)

/**
 * Deletes finished records that are older than their retention, in small batches, on any number of servers at once.
 * @returns how many rows of each kind were deleted
 */
export async function applyRetention(
  store: Store,
  retention: Retention,
): Promise<DeletedCounts & { answers: number; chunks: number; events: number }> {
  const answers = await deleteInBatches(store, deleteExpiredResponses, {})
  const areLogsDeleted = retention.logDays !== 0
  const chunks = areLogsDeleted ? await deleteInBatches(store, deleteChunks, { days: retention.logDays }) : 0
  const events = areLogsDeleted ? await deleteInBatches(store, deleteEvents, { days: retention.logDays }) : 0
  await deleteInBatches(store, deleteServers, {})
  await deleteInBatches(store, deleteDeliveries, {})
  return {
    answers,
    chunks,
    events,
    ...(await deleteRecords(store, { wakeDays: daysOrNull(retention.wakeDays), runDays: daysOrNull(retention.runDays) })),
  }
}
