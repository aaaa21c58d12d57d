import { sql } from 'drizzle-orm'
import { quarantineAgent, terminateAgent } from '../control/lifecycle/index.ts'
import { endRuns, lockForEnd } from '../engine/holds/index.ts'
import { agents } from '../model/agents.ts'
import { isUnended, runs } from '../model/runs.ts'
import { systemCtx } from '../platform/db/context.ts'
import { changedIfAny, mutate } from '../platform/db/mutate.ts'
import { statement } from '../platform/db/statement.ts'
import type { ReadDb, Store } from '../platform/db/types.ts'
import { Refusal } from '../platform/kernel/errors.ts'
import type { Voucher } from './journal/vouch.ts'
import type { RestorePlan } from './plan.ts'

// Every one, whatever its time: clocks of hosts differ, and the rows of the backup are all that was alive. Asked before the first of them ends, because the
// runs that are queued again for their wakes go on.
const openRuns = statement<object, RestorePlan['runs'][number]>('restore_open_runs').read(
  sql`select r.id, r.company_id as "companyId" from ${runs} r where ${isUnended('r')} order by r.company_id, r.id`,
)

/** The runs of a loaded backup that have not ended. */
export const runsToEnd = (db: Pick<ReadDb, 'run'>): Promise<RestorePlan['runs']> => db.run(openRuns, {})

/**
 * Ends the runs of the backup through the one end of runs: its outcome, the columns that name it, its epochs, with audit rows. The work that it was woken
 * for gets another run, as after the loss of a server. A run that has ended stays as it is.
 * @param moment the time of the backup, for the sentence
 */
export async function endRunsOfBackup(store: Store, open: RestorePlan['runs'], moment: string, signal?: AbortSignal): Promise<void> {
  const result = {
    status: 'timed_out',
    errorCode: 'restored',
    error: `The server was restored from a backup of ${moment}: what this run did after it is lost`,
    retryable: true,
  } as const
  for (const { id, companyId } of open) {
    signal?.throwIfAborted()
    const ctx = systemCtx(store, companyId, 'restore')
    await mutate(ctx, async (tx) => {
      const locked = await lockForEnd(tx, ctx, [id])
      const { runs: done, events } = await endRuns(tx, locked, [id], result)
      return changedIfAny(done.length, events)
    })
  }
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

/** The agents of a loaded backup that the journal ends again. */
export async function agentsToEnd(db: Pick<ReadDb, 'run'>, voucher: Voucher): Promise<RestorePlan['agents']> {
  const live = await db.run(liveAgents, {})
  return live.flatMap((agent) => {
    const end = voucher.endOf(agent.id, agent.companyId)
    return end === null ? [] : [{ ...agent, end }]
  })
}

/** Terminates agents again, or puts them into quarantine, that were so after the backup was taken. Those that are so already stay as they are. */
export async function endAgentsOfJournal(store: Store, planned: RestorePlan['agents'], signal?: AbortSignal): Promise<void> {
  for (const { id, companyId, end } of planned) {
    signal?.throwIfAborted()
    const ctx = systemCtx(store, companyId, 'restore')
    try {
      await (end === 'terminated' ? terminateAgent(ctx, id, REASON) : quarantineAgent(ctx, id, REASON))
    } catch (error) {
      // An agent that waits for its hire has no credential and runs nothing; one that has ended is refused, or nothing is changed.
      if (!(error instanceof Refusal)) throw error
    }
  }
}
