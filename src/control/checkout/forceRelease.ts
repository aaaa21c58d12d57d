import type { Ctx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { mutate, changedIfAny } from '../../platform/db/mutate.ts'
import {
  holdRefusal,
  endRuns,
  evict,
  forceReleased,
  loadHoldFacts,
  loadHolderRunIds,
  labelledIssue,
  releaseHold,
  lockForEnd,
  holderRunIds,
  retryTransaction,
} from '../../engine/holds/index.ts'
import type { HoldFacts, IssueWithLabels, LockedForEnd } from '../../engine/holds/index.ts'
import { invariant, notFound } from '../../platform/kernel/errors.ts'
import { runCancelled } from '../../engine/runs/index.ts'
import type { RunStatus } from '../../model/runStatus.ts'
import { promoteWake } from '../../engine/wakes/index.ts'
import { CANCELLED_BY_BOARD } from '../../engine/runs/index.ts'

export interface ForceReleaseRequest {
  readonly clearAssignee: boolean
  readonly dryRun: boolean
  readonly reason: string | null
  readonly expectedRunId: string | null
  readonly cancelRun: boolean
}

export interface ForceReleaseResult {
  readonly issue: IssueWithLabels
  readonly previous: { readonly checkoutRunId: string | null; readonly executionRunId: string | null }
  readonly evicted: readonly { runId: string; agentId: string; status: RunStatus; live: boolean }[]
  readonly cancelledRunIds: readonly string[]
}

/** What a dry run answers: the issue as it would be. */
function preview(issue: IssueWithLabels, request: ForceReleaseRequest): IssueWithLabels {
  const returnsToTodo = request.clearAssignee && issue.status === 'in_progress'
  return {
    ...issue,
    checkoutRunId: null,
    executionRunId: null,
    executionAgentNameKey: null,
    executionLockedAt: null,
    lockEpoch: issue.lockEpoch + 1,
    ...(request.clearAssignee ? { assigneeAgentId: null } : {}),
    ...(returnsToTodo ? { status: 'todo' as const } : {}),
  }
}

const evictable = (facts: HoldFacts): ForceReleaseResult['evicted'] =>
  [facts.checkoutRun, facts.executionRun]
    .filter((run) => run !== null)
    .filter((run, index, all) => all.findIndex((other) => other.id === run.id) === index)
    .map((run) => ({ runId: run.id, agentId: run.agentId, status: run.status, live: run.live }))

/**
 * Ends every hold on an issue for good (lock-protocol §5): the runs its columns name can never change, adopt or take it
 * again. Always audited, also when nothing was held; a dry run answers the same and writes nothing.
 *
 * @throws Refusal `holder_changed` when `expectedRunId` names no holder
 */
export async function forceRelease(ctx: Ctx, issueId: string, request: ForceReleaseRequest): Promise<ForceReleaseResult> {
  invariant(ctx.actor.kind === 'board', 'only the board force-releases')
  const { userId } = ctx.actor
  return await mutate(ctx, async (tx) => {
    const seenHolderIds = request.cancelRun ? await loadHolderRunIds(tx, companyOf(ctx), issueId) : []
    const locked: LockedForEnd = await lockForEnd(tx, ctx, seenHolderIds, [issueId])
    const before = locked.issues.find((issue) => issue.id === issueId)
    if (before === undefined) throw notFound('Issue')
    if (request.cancelRun && holderRunIds(before).some((id) => !seenHolderIds.includes(id))) throw retryTransaction()
    const facts = await loadHoldFacts(tx, ctx, before, null)
    if (request.expectedRunId !== null && !holderRunIds(before).includes(request.expectedRunId)) {
      throw holdRefusal({ kind: 'refuse', code: 'holder_changed' }, facts, ctx.actor)
    }
    const evicted = evictable(facts)
    const previous = { checkoutRunId: before.checkoutRunId, executionRunId: before.executionRunId }
    const runIdsToCancel = request.cancelRun
      ? evicted.filter((run) => run.status === 'queued' || run.status === 'running').map((run) => run.runId)
      : []
    if (request.dryRun) {
      const issue = preview(await labelledIssue(tx, companyOf(ctx), issueId), request)
      return changedIfAny({ issue, previous, evicted, cancelledRunIds: runIdsToCancel }, [])
    }
    await evict(
      tx,
      issueId,
      evicted.map((run) => run.runId),
    )
    const issue = await releaseHold(tx, issueId, request.clearAssignee)
    // The columns are clear already, so ending the runs finds only their other issues.
    const others: LockedForEnd = { issues: locked.issues.filter((other) => other.id !== issueId), runs: locked.runs }
    const ended = await endRuns(tx, others, runIdsToCancel, CANCELLED_BY_BOARD)
    const promoted = await promoteWake(tx, issueId)
    return changedIfAny({ issue, previous, evicted, cancelledRunIds: ended.runs.map((run) => run.id) }, [
      forceReleased(issueId, {
        issueId,
        actorUserId: userId,
        prevCheckoutRunId: previous.checkoutRunId,
        prevExecutionRunId: previous.executionRunId,
        clearAssignee: request.clearAssignee,
        reason: request.reason,
        prevStatus: before.status,
        prevAssigneeAgentId: before.assigneeAgentId,
        evictedRunIds: evicted.map((run) => run.runId),
        cancelledRunIds: ended.runs.map((run) => run.id),
        lockEpoch: issue.lockEpoch,
      }),
      ...ended.events,
      ...ended.runs.map((run) =>
        runCancelled(run.id, { agentId: run.agentId, issueIds: [issueId] }, { agentId: run.agentId, runId: run.id }),
      ),
      ...promoted,
    ])
  })
}
