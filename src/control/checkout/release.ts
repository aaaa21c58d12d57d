import type { Ctx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { pipelined, mutate, changedIfAny, unchanged } from '../../platform/db/mutate.ts'
import {
  callerOf,
  holdRefusal,
  decideRelease,
  requireExpected,
  evict,
  releaseHold,
  labelledIssue,
  lockAndLoadHoldFacts,
  otherLiveHolder,
  released,
} from '../../engine/holds/index.ts'
import type { Expected, IssueWithLabels } from '../../engine/holds/index.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { promoteWake } from '../../engine/wakes/index.ts'

/**
 * Gives an issue back: assignee and hold are cleared, `in_progress` becomes `todo`, and the oldest waiting wake is
 * promoted. A release of an issue that is free already gets the same answer and records nothing.
 *
 * @throws Refusal per LOCK_PROTOCOL §4.3
 */
export async function release(ctx: Ctx, issueId: string, expected: Expected): Promise<IssueWithLabels> {
  const { actor } = ctx
  if (actor.kind === 'agent' && actor.runId === null) refuse('run_required')
  return await mutate(ctx, async (tx) => {
    const facts = await lockAndLoadHoldFacts(tx, ctx, issueId, null)
    const before = facts.issue
    const decision = decideRelease(facts, callerOf(ctx))
    if (decision.kind === 'refuse') throw holdRefusal(decision, facts, actor)
    await requireExpected(tx, ctx, facts, expected)
    if (decision.kind === 'keep') return unchanged(await labelledIssue(tx, companyOf(ctx), issueId))

    // Without the eviction a live run that loses the issue to the board would adopt it again with its next write.
    if (otherLiveHolder(facts) !== null) {
      const liveRunIds = [facts.checkoutRun, facts.executionRun].flatMap((run) => (run?.live === true ? [run.id] : []))
      await evict(tx, issueId, liveRunIds)
    }
    const issue = pipelined(releaseHold(tx, issueId, true, facts.hasLabels))
    const promoted = facts.wakesWait ? await promoteWake(tx, issueId) : []
    return changedIfAny(issue, [
      released(issueId, {
        previousCheckoutRunId: before.checkoutRunId,
        previousExecutionRunId: before.executionRunId,
        previousAssigneeAgentId: before.assigneeAgentId,
        previousAssigneeUserId: before.assigneeUserId,
        previousStatus: before.status,
        lockEpoch: before.lockEpoch + 1,
      }),
      ...promoted,
    ])
  })
}
