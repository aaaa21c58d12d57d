import type { Ctx } from '../../platform/db/types.ts'
import { mutate, changedIfAny, unchanged } from '../../platform/db/mutate.ts'
import { endRuns, lockForEnd } from '../../engine/holds/index.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import { assertRunLive } from '../../auth/runFacts.ts'
import { requireMayWrite } from '../../auth/mayWrite.ts'
import { runRowById } from '../../engine/runs/index.ts'
import { runStatus } from '../../model/runStatus.ts'
import type { RunResult, RunRow } from '../../engine/runs/index.ts'

/**
 * A run reports its end (LOCK_PROTOCOL §6). One transaction writes its outcome, frees the issues that it holds, and
 * queues the next waiting wakes. A repeated report of the same outcome gets the same answer; another outcome is refused,
 * because an outcome never changes.
 *
 * @throws Refusal `not_found`; `run_outcome_fixed`; `run_ended` for a run whose lease expired; `forbidden` for another
 *   agent's run; `run_id_mismatch` for an agent that acts in another run; those of `requireMayWrite`
 */
export async function finishRun(ctx: Ctx, runId: string, result: RunResult): Promise<RunRow> {
  const { actor } = ctx
  if (actor.kind === 'agent' && actor.runId !== null && actor.runId !== runId) refuse('run_id_mismatch')
  return await mutate(ctx, async (tx) => {
    const locked = await lockForEnd(tx, ctx, [runId])
    const [run] = locked.runs
    if (run === undefined) return refuse('not_found', { message: 'Run not found' })
    if (actor.kind === 'agent' && run.agentId !== actor.agentId) refuse('forbidden', { message: 'Not a run of this agent' })
    if (actor.kind === 'agent') requireMayWrite(run)
    if (runStatus.terminal.includes(run.status)) {
      if (run.status === result.status) return unchanged(await runRowById(tx, ctx, runId))
      return refuse('run_outcome_fixed', { details: { runId, status: run.status } })
    }
    if (!run.live) refuse('run_ended', { details: { runId, runStatus: run.status, retryable: false, next: 'new_run' } })
    // `lockForEnd` has locked and read the acting run, which is this one.
    assertRunLive(tx, ctx, run)
    const { rows, events } = await endRuns(tx, locked, [runId], { ...result, usageJson: ofRunAlone(result.usageJson) })
    return changedIfAny(rows.then(exactlyOne), events)
  })
}

/** The totals of a session are believed of programs that this server ran: what an agent states as such would be subtracted from its next run. */
function ofRunAlone(usageJson: RunResult['usageJson']): RunResult['usageJson'] {
  if (usageJson === null || usageJson === undefined || !('ofSession' in usageJson)) return usageJson
  const { ofSession: _, ...usage } = usageJson
  return usage
}
