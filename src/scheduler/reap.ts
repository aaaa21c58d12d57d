import { sql } from 'drizzle-orm'
import pLimit from 'p-limit'
import { systemCtx } from '../platform/db/context.ts'
import type { Store } from '../platform/db/types.ts'
import { mutate, changedIfAny } from '../platform/db/mutate.ts'
import { isUnended, runs } from '../model/runs.ts'
import { param, statement } from '../platform/db/statement.ts'
import { endRuns, lockForEnd } from '../engine/holds/index.ts'
import type { RunResult } from '../engine/runs/index.ts'

/** Runs of one batch; the next batch follows at once while more runs have expired. */
const BATCH_SIZE = 100
/** Runs that are ended at once: one that waits for a lock delays no other, and requests have the rest of the connections. */
const CONCURRENCY = 4

/** A run whose lease has expired. */
export interface ExpiredRun {
  readonly id: string
  readonly companyId: string
}

const leaseExpired = { status: 'timed_out', errorCode: 'lease_expired', retryable: true } as const
const NO_HEARTBEAT: RunResult = { ...leaseExpired, error: 'The lease expired: no heartbeat of this run arrived' }
/** The result of a run whose server has crashed. It ends like every other expired run; only the error text adds the cause. */
export const SERVER_DIED: RunResult = { ...leaseExpired, error: 'The lease expired: the server that supervised this run has died' }

// Read without a lock: the end of a run is decided again under its row lock, so any number of servers may read. `now()` is the
// same for all rows, so the index is read no further than the first run whose lease has not expired.
const hasExpired = sql`${isUnended('r')} and r.lease_expires_at <= now()`
const expiredRuns = statement<{ limit: number }, ExpiredRun & { supervisorId: string | null }>('reap_expired').read(sql`
  select r.id, r.company_id as "companyId", r.supervisor_id as "supervisorId" from ${runs} r
  where ${hasExpired}
  order by r.lease_expires_at limit ${param('limit', 'int')}`)

/** SQL: whether the lease of a run has expired. */
export const runsExpired = sql`exists (select from ${runs} r where ${hasExpired})`

/**
 * Ends one run whose lease has expired, through the one finish transaction. A run that was renewed or has ended is not changed.
 * @returns whether the run was ended
 */
export async function endExpiredRun(store: Store, run: ExpiredRun, result: RunResult): Promise<boolean> {
  const ctx = systemCtx(store, run.companyId, 'reaper')
  return await mutate(ctx, async (tx) => {
    const locked = await lockForEnd(tx, ctx, [run.id])
    const [fact] = locked.runs
    if (fact === undefined || fact.live) return changedIfAny(false, [])
    const { runs: ended, events } = await endRuns(tx, locked, [run.id], result)
    return changedIfAny(ended.length > 0, events)
  })
}

/**
 * Ends every run whose lease has expired (LOCK_PROTOCOL §3). No decision waits for it: a run is dead from the moment its lease
 * expires. The reaper only cleans up, so that an issue becomes free even when no request asks for it. A run that cannot be
 * ended now delays no other run.
 *
 * @param isServerDead whether a server is known to be dead; the error text of its runs then names that cause
 * @returns how many runs were ended
 * @throws AggregateError with the failures, after all other runs have been ended
 */
export async function reap(store: Store, isServerDead: (supervisorId: string) => boolean = () => false): Promise<number> {
  let ended = 0
  for (;;) {
    const batch = await store.read.run(expiredRuns, { limit: BATCH_SIZE })
    const failures: unknown[] = []
    const endedBefore = ended
    const endOne = async (run: ExpiredRun & { supervisorId: string | null }): Promise<void> => {
      const result = run.supervisorId !== null && isServerDead(run.supervisorId) ? SERVER_DIED : NO_HEARTBEAT
      try {
        if (await endExpiredRun(store, run, result)) ended += 1
      } catch (error) {
        failures.push(error)
      }
    }
    await pLimit(CONCURRENCY).map(batch, endOne)
    // Failed runs come first again in the next batch, so a batch that ends no run is the last one.
    if (failures.length > 0 && ended === endedBefore) throw new AggregateError(failures, 'some expired runs could not be ended')
    if (batch.length < BATCH_SIZE && failures.length === 0) return ended
  }
}
