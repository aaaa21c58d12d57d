import { sql } from 'drizzle-orm'
import type { Tx } from '../../platform/db/types.ts'
import { wakes } from '../../model/wakes.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import { wakeClosed, wakeDeferred } from './events.ts'
import type { CloseReason } from './events.ts'

const claimWakeOfRun = statement<{ runId: string }, { id: string }>('wake_claim').write(sql`
  update ${wakes} set status = 'claimed', claimed_at = now(), updated_at = now()
  where run_id = ${param('runId')} and status = 'queued' returning id`)

/** (tx) Claims the wake of a run that starts. Expects the run's row lock. */
export const claimWake = async (tx: Tx, runId: string): Promise<void> => void (await tx.run(claimWakeOfRun, { runId }))

/** A run that does not start, with its agent and its issue. */
interface NotStarted {
  readonly runId: string
  readonly agentId: string
  readonly issueId: string
}

const deferWakeOfRun = statement<{ runId: string }, { id: string }>('wake_defer').write(sql`
  update ${wakes} set status = 'deferred_issue_execution', run_id = null, updated_at = now()
  where run_id = ${param('runId')} and status = 'queued' returning id`)

/**
 * (tx) Lets the wake of a run wait again, because another run holds its issue. The end of that hold queues a new run for
 * the wake. Expects the locks of issue and run.
 */
export async function deferWake(tx: Tx, { runId, agentId, issueId }: NotStarted, holderRunId: string): Promise<DomainEvent[]> {
  const rows = await tx.run(deferWakeOfRun, { runId })
  return rows.map(({ id }) => wakeDeferred(id, { agentId, issueId, runId, holderRunId }, { agentId, runId }))
}

const skipWakeOfRun = statement<{ runId: string; why: string }, { id: string }>('wake_skip').write(sql`
  update ${wakes} set status = 'skipped', close_reason = ${param('why')}, finished_at = now(), updated_at = now()
  where run_id = ${param('runId')} and status = 'queued' returning id`)

/** (tx) Closes the wake of a run that must not start any more. Expects the run's row lock. */
export async function skipWake(tx: Tx, { runId, agentId, issueId }: NotStarted, why: CloseReason): Promise<DomainEvent[]> {
  const rows = await tx.run(skipWakeOfRun, { runId, why })
  return rows.map(({ id }) => wakeClosed(id, { agentId, issueId, why }, { agentId, runId }))
}
