import { sql } from 'drizzle-orm'
import { quarantineAgent, terminateAgent } from '../control/lifecycle/index.ts'
import { endRuns, lockForEnd } from '../engine/holds/index.ts'
import { agents } from '../model/agents.ts'
import { isUnended, runs } from '../model/runs.ts'
import { systemCtx } from '../platform/db/context.ts'
import { changedIfAny, mutate } from '../platform/db/mutate.ts'
import { param, statement } from '../platform/db/statement.ts'
import type { Store } from '../platform/db/types.ts'
import { Refusal } from '../platform/kernel/errors.ts'
import type { Voucher } from './journal/vouch.ts'

interface OpenRun {
  readonly id: string
  readonly companyId: string
}

// Times are rounded to milliseconds, so the last run of the snapshot may lie a little behind it. Runs that are queued again for the wakes of those that end are younger than the backup, and go on.
const openRuns = statement<{ takenAt: string }, OpenRun>('restore_open_runs').read(sql`
  select r.id, r.company_id as "companyId" from ${runs} r
  where ${isUnended('r')} and r.created_at <= ${param('takenAt', 'timestamptz')} + interval '10 milliseconds' order by r.company_id, r.id`)

/**
 * Ends every run of the backup through the one end of runs: its outcome, the columns that name it, its epochs, with audit rows. The work
 * that it was woken for gets another run, as after the loss of a server.
 * @returns how many runs ended
 */
export async function endRunsOfBackup(store: Store, takenAt: string): Promise<number> {
  const result = {
    status: 'timed_out',
    errorCode: 'restored',
    error: `The server was restored from a backup of ${takenAt}: what this run did after it is lost`,
    retryable: true,
  } as const
  let ended = 0
  for (const { id, companyId } of await store.read.run(openRuns, { takenAt })) {
    const ctx = systemCtx(store, companyId, 'restore')
    ended += await mutate(ctx, async (tx) => {
      const locked = await lockForEnd(tx, ctx, [id])
      const { runs: done, events } = await endRuns(tx, locked, [id], result)
      return changedIfAny(done.length, events)
    })
  }
  return ended
}

const liveAgents = statement<object, { id: string; companyId: string; name: string }>('restore_live_agents').read(
  sql`select id, company_id as "companyId", name from ${agents} where status <> 'terminated' order by company_id, id`,
)

/** An agent that ended after the backup, and ended again. */
export interface EndedAgent {
  readonly id: string
  readonly name: string
  readonly end: 'terminated' | 'quarantined'
}

const REASON = 'It was so after the backup from which the server was restored'

/** Terminates agents again, or puts them into quarantine, that were so after the backup was taken. */
export async function endAgentsOfJournal(store: Store, voucher: Voucher): Promise<EndedAgent[]> {
  const ended: EndedAgent[] = []
  for (const { id, companyId, name } of await store.read.run(liveAgents, {})) {
    const end = voucher.endOf(id, companyId)
    if (end === null) continue
    const ctx = systemCtx(store, companyId, 'restore')
    try {
      await (end === 'terminated' ? terminateAgent(ctx, id, REASON) : quarantineAgent(ctx, id, REASON))
      ended.push({ id, name, end })
    } catch (error) {
      // An agent that waits for its hire has no credential and runs nothing.
      if (!(error instanceof Refusal)) throw error
    }
  }
  return ended
}
