import { sql } from 'drizzle-orm'
import type { Ctx, Store } from '../platform/db/types.ts'
import { mutate, changedIfAny } from '../platform/db/mutate.ts'
import { isUnended, runs } from '../model/runs.ts'
import { param, statement } from '../platform/db/statement.ts'
import { endRuns, lockForEnd } from '../engine/holds/index.ts'
import type { RunResult } from '../engine/runs/index.ts'

/** Runs ended in one round; the next round follows at once while there are more. */
const BATCH_SIZE = 100

/** A run whose lease is out. */
export interface ExpiredRun {
  readonly id: string
  readonly companyId: string
}

const leaseExpired = { status: 'timed_out', errorCode: 'lease_expired', retryable: true } as const
const NOT_HEARD_OF: RunResult = { ...leaseExpired, error: 'The lease ran out: nothing was heard of this run' }
/** How a run ends whose server has died: as every other, for it is the lease that says so, and with what is known besides. */
export const SERVER_DIED: RunResult = { ...leaseExpired, error: 'The lease ran out: the server that watched over this run has died' }

// Read without a lock: whoever ends a run decides again under its row lock, so any number of servers may look. By `now()`,
// which is the same for all rows: the index is read no further than to the first run whose lease is not out.
const expiredRuns = statement<{ limit: number }, ExpiredRun & { supervisorId: string | null }>('reap_expired').read(sql`
  select r.id, r.company_id as "companyId", r.supervisor_id as "supervisorId" from ${runs} r
  where ${isUnended('r')} and r.lease_expires_at <= now()
  order by r.lease_expires_at limit ${param('limit', 'int')}`)

/** Ends one run whose lease is out, through the one finish transaction; a renewed or ended run is left alone. */
export async function endExpiredRun(store: Store, run: ExpiredRun, result: RunResult): Promise<boolean> {
  const ctx: Ctx = { actor: { kind: 'system', task: 'reaper' }, companyId: run.companyId, requestId: null, store, idempotency: null }
  return await mutate(ctx, async (tx) => {
    const locked = await lockForEnd(tx, ctx, [run.id])
    const [fact] = locked.runs
    if (fact === undefined || fact.live) return changedIfAny(false, [])
    const { runs: ended, events } = await endRuns(tx, locked, [run.id], result)
    return changedIfAny(ended.length > 0, events)
  })
}

/**
 * Ends every run whose lease has run out (lock-protocol §3). Decisions never wait for this: a run is dead the moment its
 * lease is. This only tidies up, so that an issue is free even when nobody asks for it. A run that cannot be ended now
 * keeps nobody else waiting.
 *
 * @param isServerDead whether a server is known to be dead, whose runs then say so
 * @returns how many runs were ended
 * @throws AggregateError with what failed, after all the others have been ended
 */
export async function reap(store: Store, isServerDead: (supervisorId: string) => boolean = () => false): Promise<number> {
  let ended = 0
  for (;;) {
    const batch = await store.read.run(expiredRuns, { limit: BATCH_SIZE })
    const failures: unknown[] = []
    const endedBefore = ended
    for (const run of batch) {
      try {
        const result = run.supervisorId !== null && isServerDead(run.supervisorId) ? SERVER_DIED : NOT_HEARD_OF
        if (await endExpiredRun(store, run, result)) ended += 1
      } catch (error) {
        failures.push(error)
      }
    }
    // Those that failed come first again, so a round that ends nobody is the last one.
    if (failures.length > 0 && ended === endedBefore) throw new AggregateError(failures, 'runs that could not be ended')
    if (batch.length < BATCH_SIZE && failures.length === 0) return ended
  }
}
