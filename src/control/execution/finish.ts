import type { Ctx } from '../../platform/db/types.ts'
import { mutate, changedIfAny, unchanged } from '../../platform/db/mutate.ts'
import { endRuns, lockForEnd } from '../../engine/holds/index.ts'
import { notFound, refuse } from '../../platform/kernel/errors.ts'
import { requireActingRun } from '../../auth/runFacts.ts'
import { runRowById } from '../../engine/runs/index.ts'
import { runStatus } from '../../model/runStatus.ts'
import type { RunResult, RunRow } from '../../engine/runs/index.ts'

/**
 * The run says how it ended. In one transaction its outcome is written, everything it holds is freed, and whoever waits
 * is queued. Saying the same again is answered the same; another outcome is refused, for an outcome never changes.
 *
 * @throws Refusal `run_outcome_fixed`, `run_ended` for a run whose lease ran out, `forbidden` for another agent's run
 */
export async function finishRun(ctx: Ctx, runId: string, result: RunResult): Promise<RunRow> {
  const { actor } = ctx
  if (actor.kind === 'agent' && actor.runId !== null && actor.runId !== runId) refuse('run_id_mismatch')
  return await mutate(ctx, async (tx) => {
    const locked = await lockForEnd(tx, ctx, [runId])
    const [run] = locked.runs
    if (run === undefined) throw notFound('Run')
    if (actor.kind === 'agent' && run.agentId !== actor.agentId) refuse('forbidden', { message: 'Not a run of this agent' })
    if (runStatus.terminal.includes(run.status)) {
      if (run.status === result.status) return unchanged(await runRowById(tx, ctx, runId))
      return refuse('run_outcome_fixed', { details: { runId, status: run.status } })
    }
    if (!run.live) refuse('run_ended', { details: { runId, runStatus: run.status, retryable: false, next: 'new_run' } })
    await requireActingRun(tx, ctx)
    const { runs, events } = await endRuns(tx, locked, [runId], result)
    const [row] = runs
    if (row === undefined) throw notFound('Run')
    return changedIfAny(row, events)
  })
}
