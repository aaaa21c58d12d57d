import type { Ctx } from '../db/context.ts'
import { companyOf } from '../db/context.ts'
import { later, mutate, settled, unchanged } from '../db/mutate.ts'
import {
  callerOf,
  conflict,
  decideRelease,
  demandExpected,
  evict,
  letGo,
  labelledIssue,
  lockAndGather,
  otherLiveHolder,
  released,
} from '../holds/index.ts'
import type { Expected, IssueWithLabels } from '../holds/index.ts'
import { refuse } from '../kernel/errors.ts'
import { promoteWake } from '../wakes/index.ts'

/**
 * Gives an issue back: nobody is assigned, nobody holds it, `in_progress` becomes `todo`, and the oldest waiting wake
 * gets its run. Releasing what is free already answers the same and records nothing.
 *
 * @throws Refusal per lock-protocol §4.3
 */
export async function release(ctx: Ctx, issueId: string, expected: Expected): Promise<IssueWithLabels> {
  const { actor } = ctx
  if (actor.kind === 'agent' && actor.runId === null) refuse('run_required')
  return await mutate(ctx, async (tx) => {
    const facts = await lockAndGather(tx, ctx, issueId, null)
    const before = facts.issue
    const decision = decideRelease(facts, callerOf(ctx))
    if (decision.kind === 'refuse') throw conflict(decision, facts, actor)
    await demandExpected(tx, ctx, facts, expected)
    if (decision.kind === 'keep') return unchanged(await labelledIssue(tx, companyOf(ctx), issueId))

    // A live run that loses the issue to the board must not take it back by adopting it.
    const loser = otherLiveHolder(facts)
    if (loser !== null) {
      const live = [facts.checkoutRun, facts.executionRun].filter((run) => run?.live === true)
      await evict(
        tx,
        issueId,
        live.map((run) => run?.id ?? ''),
      )
    }
    const issue = later(letGo(tx, issueId, true))
    const promoted = facts.wakesWait ? await promoteWake(tx, issueId) : []
    return settled(issue, [
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
