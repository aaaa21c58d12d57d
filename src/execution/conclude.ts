import type { Ctx } from '../db/context.ts'
import { mutate, settled, unchanged } from '../db/mutate.ts'
import type { Store } from '../db/store.ts'
import { endRuns, lockForEnd } from '../holds/index.ts'
import { keepSession, runStatus } from '../runs/index.ts'
import type { Ending } from '../runs/index.ts'
import type { StartOrder } from './claimRun.ts'

/** Whether the supervisor's word counted; `over` when the run had been ended by somebody else or its lease was out. */
export type Conclusion = 'ended' | 'over'

/**
 * The supervisor of a run says how it ended: its outcome, its traces and the session to resume, with everything that the
 * end of a run does, in one transaction (lock-protocol §6). Said too late it changes nothing: who ended the run decided,
 * and a run whose lease is out is the reaper's.
 *
 * @param sessionIdAfter what to resume next time; null starts afresh
 */
export async function concludeRun(store: Store, order: StartOrder, ending: Ending, sessionIdAfter: string | null): Promise<Conclusion> {
  const { runId, agentId, companyId, taskKey, adapterType } = order
  const ctx: Ctx = { actor: { kind: 'system', duty: 'scheduler' }, companyId, requestId: null, store, idempotency: null }
  return await mutate(ctx, async (tx) => {
    const locked = await lockForEnd(tx, ctx, [runId])
    const [run] = locked.runs
    if (run === undefined || runStatus.terminal.includes(run.status) || !run.live) return unchanged<Conclusion>('over')
    const { events } = await endRuns(tx, locked, [runId], { ...ending, sessionIdAfter })
    if (sessionIdAfter !== order.sessionIdBefore) await keepSession(tx, { agentId, companyId, taskKey, adapterType, runId }, sessionIdAfter)
    return settled<Conclusion>('ended', events)
  })
}
