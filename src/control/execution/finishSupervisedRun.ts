import { systemCtx } from '../../platform/db/context.ts'
import type { Store } from '../../platform/db/types.ts'
import { mutate, changedIfAny, unchanged } from '../../platform/db/mutate.ts'
import { endRuns, lockForEnd } from '../../engine/holds/index.ts'
import { forgetSession, saveFirstSession, saveSession } from '../../engine/runs/index.ts'
import { runStatus } from '../../model/runStatus.ts'
import type { RunResult } from '../../engine/runs/index.ts'
import { lockAgents } from '../../org/agents/index.ts'
import type { StartOrder } from '../dispatch/index.ts'
import { concernsStart, recordStart } from './startFailure.ts'

/** `ended` when this call ended the run; `over` when the run had ended before or its lease had expired. */
export type FinishOutcome = 'ended' | 'over'

/**
 * The supervisor of a run reports its end: its outcome, its exit facts and the session to resume, with everything that
 * the end of a run does, in one transaction (LOCK_PROTOCOL §6). A late report changes nothing: the first end of a run
 * counts, and the reaper ends a run whose lease expired.
 *
 * @param sessionIdAfter the session that the next run of the task resumes; null starts a fresh one
 */
export async function finishSupervisedRun(
  store: Store,
  order: StartOrder,
  result: RunResult,
  sessionIdAfter: string | null,
): Promise<FinishOutcome> {
  const { runId, agentId, companyId, taskKey, adapterType } = order
  const ctx = systemCtx(store, companyId, 'scheduler')
  return await mutate(ctx, async (tx) => {
    // The agent's lock precedes those of issues and runs.
    const changes = concernsStart(order, result)
    if (changes) await lockAgents(tx, companyId, [agentId])
    const locked = await lockForEnd(tx, ctx, [runId])
    const [run] = locked.runs
    if (run === undefined || runStatus.terminal.includes(run.status) || !run.live) return unchanged<FinishOutcome>('over')
    const { events } = await endRuns(tx, locked, [runId], { ...result, sessionIdAfter })
    const session = { agentId, companyId, taskKey, adapterType, runId }
    if (result.status === 'succeeded') {
      if (sessionIdAfter !== order.sessionIdBefore) await saveSession(tx, session, sessionIdAfter)
    } else if (order.sessionIdBefore !== null && sessionIdAfter === null) await forgetSession(tx, session, order.sessionIdBefore)
    else if (order.sessionIdBefore === null && sessionIdAfter !== null) await saveFirstSession(tx, session, sessionIdAfter)
    const issue = locked.issues.find(({ id, executionRunId }) => id === order.issueId && executionRunId === runId) ?? null
    const started = changes ? await recordStart(tx, ctx, order, { result, issue }) : []
    return changedIfAny<FinishOutcome>('ended', [...events, ...started])
  })
}
