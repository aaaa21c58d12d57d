import { reasonDetails } from '../../http/reasonBody.ts'
import type { Ctx } from '../../platform/db/types.ts'
import { mutate, changedIfAny, unchanged } from '../../platform/db/mutate.ts'
import { endRuns, lockForEnd, holderRunIds } from '../../engine/holds/index.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { CANCELLED_BY_BOARD, runCancelled, runRowById } from '../../engine/runs/index.ts'
import { runStatus } from '../../model/runStatus.ts'
import type { RunRow } from '../../engine/runs/index.ts'

/** Cancels a run and frees the issues that it holds. A run that has ended is returned unchanged. @throws Refusal `not_found` */
export async function cancelRun(ctx: Ctx, runId: string, reason: string | null): Promise<RunRow> {
  return await mutate(ctx, async (tx) => {
    const locked = await lockForEnd(tx, ctx, [runId])
    const [run] = locked.runs
    if (run === undefined) return refuse('not_found', { message: 'Run not found' })
    if (runStatus.terminal.includes(run.status)) return unchanged(await runRowById(tx, ctx, runId))
    const ended = await endRuns(tx, locked, [runId], CANCELLED_BY_BOARD)
    const issueIds = locked.issues.filter((issue) => holderRunIds(issue).includes(runId)).map((issue) => issue.id)
    return changedIfAny(runRowById(tx, ctx, runId), [
      ...ended.events,
      runCancelled(runId, { agentId: run.agentId, issueIds, ...reasonDetails(reason) }, { agentId: run.agentId, runId }),
    ])
  })
}
