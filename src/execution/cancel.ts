import type { Ctx } from '../db/context.ts'
import { mutate, settled, unchanged } from '../db/mutate.ts'
import { endRuns, lockForEnd, namedRuns } from '../holds/index.ts'
import { notFound } from '../kernel/errors.ts'
import { runCancelled, runStatus } from '../runs/index.ts'
import type { Ending, RunRow } from '../runs/index.ts'
import { runRowById } from '../runs/index.ts'

/** The ending that the public wire knows for a run the board has cancelled. */
export const CANCELLED_BY_BOARD: Ending = { status: 'cancelled', error: 'Cancelled by control plane', errorCode: 'cancelled' }

/** Cancels a run and frees what it holds. A run that has ended is answered as it is. */
export async function cancelRun(ctx: Ctx, runId: string): Promise<RunRow> {
  return await mutate(ctx, async (tx) => {
    const locked = await lockForEnd(tx, ctx, [runId])
    const [run] = locked.runs
    if (run === undefined) throw notFound('Run')
    if (runStatus.terminal.includes(run.status)) return unchanged(await runRowById(tx, ctx, runId))
    const ended = await endRuns(tx, locked, [runId], CANCELLED_BY_BOARD)
    const issueIds = locked.issues.filter((issue) => namedRuns(issue).includes(runId)).map((issue) => issue.id)
    return settled(await runRowById(tx, ctx, runId), [
      ...ended.events,
      runCancelled(runId, { agentId: run.agentId, issueIds }, { agentId: run.agentId, runId }),
    ])
  })
}
