import type { Ctx, Store } from '../../platform/db/types.ts'
import { mutate, changedIfAny, unchanged } from '../../platform/db/mutate.ts'
import { endRuns, lockForEnd } from '../../engine/holds/index.ts'
import { saveSession } from '../../engine/runs/index.ts'
import { runStatus } from '../../model/runStatus.ts'
import type { RunResult } from '../../engine/runs/index.ts'
import type { StartOrder } from '../dispatch/index.ts'

/** Whether the supervisor's word counted; `over` when the run had been ended by somebody else or its lease was out. */
export type FinishOutcome = 'ended' | 'over'

/**
 * The supervisor of a run says how it ended: its outcome, its traces and the session to resume, with everything that the
 * end of a run does, in one transaction (lock-protocol §6). Said too late it changes nothing: who ended the run decided,
 * and a run whose lease is out is the reaper's.
 *
 * @param sessionIdAfter what to resume next time; null starts afresh
 */
export async function finishSupervisedRun(
  store: Store,
  order: StartOrder,
  result: RunResult,
  sessionIdAfter: string | null,
): Promise<FinishOutcome> {
  const { runId, agentId, companyId, taskKey, adapterType } = order
  const ctx: Ctx = { actor: { kind: 'system', task: 'scheduler' }, companyId, requestId: null, store, idempotency: null }
  return await mutate(ctx, async (tx) => {
    const locked = await lockForEnd(tx, ctx, [runId])
    const [run] = locked.runs
    if (run === undefined || runStatus.terminal.includes(run.status) || !run.live) return unchanged<FinishOutcome>('over')
    const { events } = await endRuns(tx, locked, [runId], { ...result, sessionIdAfter })
    if (sessionIdAfter !== order.sessionIdBefore) await saveSession(tx, { agentId, companyId, taskKey, adapterType, runId }, sessionIdAfter)
    return changedIfAny<FinishOutcome>('ended', events)
  })
}
