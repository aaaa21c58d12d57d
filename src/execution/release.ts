import type { Ctx } from '../db/context.ts'
import { companyOf } from '../db/context.ts'
import { mutate, settled, unchanged } from '../db/mutate.ts'
import {
  callerOf,
  conflict,
  decideRelease,
  demandExpected,
  evict,
  gather,
  letGo,
  lockIssue,
  otherLiveHolder,
  released,
} from '../holds/index.ts'
import type { Expected, IssueWithRelations } from '../holds/index.ts'
import { issueById } from '../issues/index.ts'
import { refuse } from '../kernel/errors.ts'
import { promoteWake } from '../wakes/index.ts'

/**
 * Gives an issue back: nobody is assigned, nobody holds it, `in_progress` becomes `todo`, and the oldest waiting wake
 * gets its run. Releasing what is free already answers the same and records nothing.
 *
 * @throws Refusal per lock-protocol §4.3
 */
export async function release(ctx: Ctx, issueId: string, expected: Expected): Promise<IssueWithRelations> {
  const { actor } = ctx
  if (actor.kind === 'agent' && actor.runId === null) refuse('run_required')
  return await mutate(ctx, async (tx) => {
    const before = await lockIssue(tx, companyOf(ctx), issueId)
    const facts = await gather(tx, ctx, before, null)
    const decision = decideRelease(facts, callerOf(ctx))
    if (decision.kind === 'refuse') throw conflict(decision, facts, actor)
    demandExpected(facts, expected, ctx)
    if (decision.kind === 'keep') return unchanged(await issueById(tx, companyOf(ctx), issueId))

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
    const [issue, promoted] = await Promise.all([letGo(tx, issueId, true), promoteWake(tx, issueId)])
    return settled(issue, [
      released(issueId, {
        previousCheckoutRunId: before.checkoutRunId,
        previousExecutionRunId: before.executionRunId,
        previousAssigneeAgentId: before.assigneeAgentId,
        previousAssigneeUserId: before.assigneeUserId,
        previousStatus: before.status,
        lockEpoch: issue.lockEpoch,
      }),
      ...promoted,
    ])
  })
}
