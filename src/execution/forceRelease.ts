import type { Ctx } from '../db/context.ts'
import { companyOf } from '../db/context.ts'
import { mutate, settled } from '../db/mutate.ts'
import {
  conflict,
  endRuns,
  evict,
  forceReleased,
  gather,
  holdersOf,
  labelledIssue,
  letGo,
  lockForEnd,
  namedRuns,
  startOver,
} from '../holds/index.ts'
import type { HoldFacts, IssueWithLabels, Locked } from '../holds/index.ts'
import { invariant, notFound } from '../kernel/errors.ts'
import { runCancelled } from '../runs/index.ts'
import type { RunStatus } from '../runs/index.ts'
import { promoteWake } from '../wakes/index.ts'
import { CANCELLED_BY_BOARD } from './cancel.ts'

export interface ForceRelease {
  readonly clearAssignee: boolean
  readonly dryRun: boolean
  readonly reason: string | null
  readonly expectedRunId: string | null
  readonly cancelRun: boolean
}

export interface ForceReleased {
  readonly issue: IssueWithLabels
  readonly previous: { readonly checkoutRunId: string | null; readonly executionRunId: string | null }
  readonly evicted: readonly { runId: string; agentId: string; status: RunStatus; live: boolean }[]
  readonly cancelledRunIds: readonly string[]
}

/** What a dry run answers: the issue as it would be. */
function imagine(issue: IssueWithLabels, request: ForceRelease): IssueWithLabels {
  const falls = request.clearAssignee && issue.status === 'in_progress'
  return {
    ...issue,
    checkoutRunId: null,
    executionRunId: null,
    executionAgentNameKey: null,
    executionLockedAt: null,
    lockEpoch: issue.lockEpoch + 1,
    ...(request.clearAssignee ? { assigneeAgentId: null } : {}),
    ...(falls ? { status: 'todo' as const } : {}),
  }
}

const evictable = (facts: HoldFacts): ForceReleased['evicted'] =>
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
export async function forceRelease(ctx: Ctx, issueId: string, request: ForceRelease): Promise<ForceReleased> {
  invariant(ctx.actor.kind === 'board', 'only the board force-releases')
  const { userId } = ctx.actor
  return await mutate(ctx, async (tx) => {
    const suspects = request.cancelRun ? await holdersOf(tx, companyOf(ctx), issueId) : []
    const locked: Locked = await lockForEnd(tx, ctx, suspects, [issueId])
    const before = locked.issues.find((issue) => issue.id === issueId)
    if (before === undefined) throw notFound('Issue')
    if (request.cancelRun && namedRuns(before).some((id) => !suspects.includes(id))) throw startOver()
    const facts = await gather(tx, ctx, before, null)
    if (request.expectedRunId !== null && !namedRuns(before).includes(request.expectedRunId)) {
      throw conflict({ kind: 'refuse', code: 'holder_changed' }, facts, ctx.actor)
    }
    const evicted = evictable(facts)
    const previous = { checkoutRunId: before.checkoutRunId, executionRunId: before.executionRunId }
    const ending = request.cancelRun
      ? evicted.filter((run) => run.status === 'queued' || run.status === 'running').map((run) => run.runId)
      : []
    if (request.dryRun) {
      const issue = imagine(await labelledIssue(tx, companyOf(ctx), issueId), request)
      return settled({ issue, previous, evicted, cancelledRunIds: ending }, [])
    }
    await evict(
      tx,
      issueId,
      evicted.map((run) => run.runId),
    )
    const issue = await letGo(tx, issueId, request.clearAssignee)
    // The columns are clear already, so ending the runs finds only their other issues.
    const others: Locked = { issues: locked.issues.filter((other) => other.id !== issueId), runs: locked.runs }
    const ended = await endRuns(tx, others, ending, CANCELLED_BY_BOARD)
    const promoted = await promoteWake(tx, issueId)
    return settled({ issue, previous, evicted, cancelledRunIds: ended.runs.map((run) => run.id) }, [
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
