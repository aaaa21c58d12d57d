import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'drizzle-orm'
import type { Ctx } from '../db/context.ts'
import { forgetOldAnswers } from '../db/idempotency.ts'
import { locking } from '../db/locks.ts'
import { changed, mutate, unchanged } from '../db/mutate.ts'
import { companies } from '../db/schema/companies.ts'
import { runEvents, runLogChunks, servers } from '../db/schema/runRecords.ts'
import { runs } from '../db/schema/runs.ts'
import { wakes } from '../db/schema/wakes.ts'
import { param, statement } from '../db/statement.ts'
import type { Statement } from '../db/statement.ts'
import type { Store } from '../db/store.ts'
import { note } from '../db/telemetry.ts'
import { recordsForgotten } from '../runs/index.ts'

/** How long what is over is kept, in days; 0 keeps it for ever. Audit rows are never removed. */
export interface Retention {
  /** What runs wrote, and what happened to them step by step. */
  readonly logDays: number
  readonly wakeDays: number
  /** Runs themselves, and with each the issues that it has lost by decree. */
  readonly runDays: number
}

/** Rows removed by one statement: short locks, and a transaction that is over before anybody waits for it. */
const BATCH = 200
/** Between two batches, so that requests come first. */
const PAUSE_MS = 20

const limit = sql.raw(String(BATCH))
const cutoff = sql`now() - make_interval(days => ${param('days', 'int')})`

interface Days {
  days: number
}

// Nothing here waits for a row: what somebody else has locked is passed, and goes in another round.
const forgetChunks = statement<Days, { gone: true }>('retain_chunks').telemetry(sql`
  delete from ${runLogChunks} d using (
    select c.run_id, c.start_offset from ${runLogChunks} c join ${runs} r on r.id = c.run_id and r.finished_at < ${cutoff}
    where c.created_at < ${cutoff} order by c.created_at limit ${limit} for update of c skip locked) old
  where d.run_id = old.run_id and d.start_offset = old.start_offset returning true as gone`)

/** The oldest of each company first, so that a batch is found without looking at what stays. */
const forgetEvents = statement<Days, { gone: true }>('retain_events').telemetry(sql`
  delete from ${runEvents} d using (
    select x.id from ${runEvents} x where x.id = any(array(
      select e.id from ${companies} c cross join lateral (
        select o.id, o.created_at from ${runEvents} o where o.company_id = c.id order by o.id limit ${limit}) e
      where e.created_at < ${cutoff} order by e.id limit ${limit}))
    order by x.id for update skip locked) old
  where d.id = old.id returning true as gone`)

// A server of another host that died. Those of this host are forgotten when their children are.
const forgetServers = statement<object, { gone: true }>('retain_servers').telemetry(sql`
  delete from ${servers} d using (
    select s.id from ${servers} s where s.last_seen_at < now() - interval '7 days' order by s.id limit ${limit} for update skip locked) old
  where d.id = old.id returning true as gone`)

async function forgetAll<P>(store: Store, batch: Statement<P, { gone: true }, 'telemetry'>, params: P): Promise<number> {
  for (let gone = 0; ; await sleep(PAUSE_MS)) {
    const { length } = await note(store, batch, params)
    gone += length
    if (length === 0) return gone
  }
}

interface Cutoffs {
  wakeDays: number | null
  runDays: number | null
}

const olderThan = (name: string) => sql`coalesce(now() - make_interval(days => ${param(name, 'int')}), '-infinity')`

const ripe = statement<Cutoffs, { companyId: string }>('retain_ripe').read(sql`
  (select distinct w.company_id as "companyId" from (
    select company_id from ${wakes} where finished_at < ${olderThan('wakeDays')} order by finished_at limit ${limit}) w)
  union
  select c.id from ${companies} c where exists (
    select 1 from (select finished_at from ${runs} o where o.company_id = c.id order by o.created_at, o.id limit ${limit}) r
    where r.finished_at < ${olderThan('runDays')})`)

// Whoever deletes a company or an agent holds the company, so that no two deletions meet in the rows that hang on a run.
const lockCompany = locking(
  'company',
  statement<{ companyId: string }, { id: string }>('retain_company').read(
    sql`select id from ${companies} where id = ${param('companyId')} for no key update skip locked`,
  ),
)

interface Batch extends Cutoffs {
  companyId: string
}

// FOR UPDATE, because a deletion is no less: whoever refers to a run at this moment keeps it for another round.
const lockRuns = locking(
  'run',
  statement<Batch, { id: string }>('retain_lock_runs').read(sql`
    select x.id from ${runs} x where x.id = any(array(
      select r.id from (select o.id, o.finished_at from ${runs} o where o.company_id = ${param('companyId')}
        order by o.created_at, o.id limit ${limit}) r where r.finished_at < ${olderThan('runDays')}))
    order by x.id for update skip locked`),
)

const lockWakes = locking(
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

interface Forgotten {
  readonly runs: number
  readonly wakes: number
}

const NOTHING: Forgotten = { runs: 0, wakes: 0 }

/** Removes one batch of a company's finished runs and wakes; the audit says how many. */
async function forgetBatch(store: Store, companyId: string, cutoffs: Cutoffs): Promise<Forgotten> {
  const ctx: Ctx = { actor: { kind: 'system', duty: 'retention' }, companyId, requestId: null, store, idempotency: null }
  return await mutate(ctx, async (tx) => {
    const [company] = await lockCompany(tx, { companyId })
    if (company === undefined) return unchanged(NOTHING)
    const runIds = (await lockRuns(tx, { companyId, ...cutoffs })).map((row) => row.id)
    const wakeIds = (await lockWakes(tx, { companyId, ...cutoffs })).map((row) => row.id)
    const forgotten: Forgotten = { runs: runIds.length, wakes: wakeIds.length }
    if (runIds.length + wakeIds.length === 0) return unchanged(forgotten)
    if (runIds.length > 0) await tx.run(deleteRuns, { ids: runIds })
    if (wakeIds.length > 0) await tx.run(deleteWakes, { ids: wakeIds })
    return changed(forgotten, recordsForgotten(companyId, { ...forgotten }))
  })
}

async function forgetRecords(store: Store, cutoffs: Cutoffs): Promise<Forgotten> {
  const sum = { ...NOTHING }
  for (;;) {
    let gone = 0
    for (const { companyId } of await store.read.run(ripe, cutoffs)) {
      const batch = await forgetBatch(store, companyId, cutoffs)
      sum.runs += batch.runs
      sum.wakes += batch.wakes
      gone += batch.runs + batch.wakes
      await sleep(PAUSE_MS)
    }
    // What is left is locked by somebody, or there is nothing left.
    if (gone === 0) return sum
  }
}

const days = (count: number): number | null => (count === 0 ? null : count)

/**
 * Removes what is over and past its time, in small batches, on any number of servers at once.
 * @returns how many rows of each kind went
 */
export async function retain(store: Store, keep: Retention): Promise<Forgotten & { answers: number; chunks: number; events: number }> {
  const answers = await forgetAll(store, forgetOldAnswers, {})
  const forever = keep.logDays === 0
  const chunks = forever ? 0 : await forgetAll(store, forgetChunks, { days: keep.logDays })
  const events = forever ? 0 : await forgetAll(store, forgetEvents, { days: keep.logDays })
  await forgetAll(store, forgetServers, {})
  return { answers, chunks, events, ...(await forgetRecords(store, { wakeDays: days(keep.wakeDays), runDays: days(keep.runDays) })) }
}
