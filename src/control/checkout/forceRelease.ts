import type { Ctx, Tx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { changed, changedIfAny, mutate } from '../../platform/db/mutate.ts'
import type { Outcome } from '../../platform/db/mutate.ts'
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
import type { HoldFacts, IssueWithLabels, LockedForEnd, LockedIssue } from '../../engine/holds/index.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import { invariant, refuse } from '../../platform/kernel/errors.ts'
import { CANCELLED_BY_BOARD, runCancelled } from '../../engine/runs/index.ts'
import type { RunStatus } from '../../model/runStatus.ts'
import { nextAgent, promoteWake, wakePromoted } from '../../engine/wakes/index.ts'

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
  /** The agent that is woken for the issue, with the run that was queued for it; a dry run queues none. */
  readonly next: { readonly agentId: string; readonly runId: string | null } | null
}

/** The issue as a force-release would leave it, for the answer of a dry run. */
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

const runsToEvict = (facts: HoldFacts): ForceReleaseResult['evicted'] =>
  [facts.checkoutRun, facts.executionRun]
    .filter((run) => run !== null)
    .filter((run, index, all) => all.findIndex((other) => other.id === run.id) === index)
    .map((run) => ({ runId: run.id, agentId: run.agentId, status: run.status, live: run.live }))

/** The issue and the runs under their locks, with what the request does to them. */
interface ForceReleasePlan {
  readonly before: LockedIssue
  readonly locked: LockedForEnd
  readonly previous: ForceReleaseResult['previous']
  readonly evicted: ForceReleaseResult['evicted']
  readonly runIdsToCancel: readonly string[]
}

/** (tx) Locks the issue and, when they are to be cancelled, its holders with their other issues. */
async function planForceRelease(tx: Tx, ctx: Ctx, issueId: string, request: ForceReleaseRequest): Promise<ForceReleasePlan> {
  const seenHolderIds = request.cancelRun ? await loadHolderRunIds(tx, companyOf(ctx), issueId) : []
  const locked = await lockForEnd(tx, ctx, seenHolderIds, { issueIds: [issueId] })
  const before = locked.issues.find((issue) => issue.id === issueId)
  if (before === undefined) return refuse('not_found', { message: 'Issue not found' })
  if (request.cancelRun && holderRunIds(before).some((id) => !seenHolderIds.includes(id))) throw retryTransaction()
  const facts = await loadHoldFacts(tx, ctx, before, null)
  if (request.expectedRunId !== null && !holderRunIds(before).includes(request.expectedRunId)) {
    throw holdRefusal({ kind: 'refuse', code: 'holder_changed' }, facts, ctx.actor)
  }
  const evicted = runsToEvict(facts)
  const unended = evicted.filter((run) => run.status === 'queued' || run.status === 'running')
  return {
    before,
    locked,
    previous: { checkoutRunId: before.checkoutRunId, executionRunId: before.executionRunId },
    evicted,
    runIdsToCancel: request.cancelRun ? unended.map((run) => run.runId) : [],
  }
}

/**
 * Ends every hold on an issue permanently (LOCK_PROTOCOL §5): the runs that its columns name can never change, adopt or
 * take it again (I5). It is always audited, also when nothing was held. A dry run returns the same answer and writes
 * nothing.
 *
 * @throws Refusal `not_found`; `holder_changed` when `expectedRunId` is not a holder
 */
export async function forceRelease(ctx: Ctx, issueId: string, request: ForceReleaseRequest): Promise<ForceReleaseResult> {
  invariant(ctx.actor.kind === 'board', 'only the board force-releases')
  const { userId } = ctx.actor
  return await mutate(ctx, async (tx) => {
    const plan = await planForceRelease(tx, ctx, issueId, request)
    if (request.dryRun) {
      const { previous, evicted, runIdsToCancel } = plan
      const issue = preview(await labelledIssue(tx, companyOf(ctx), issueId), request)
      const agentId = await nextAgent(tx, issueId, request.clearAssignee)
      const next = agentId === null ? null : { agentId, runId: null }
      return changedIfAny({ issue, previous, evicted, cancelledRunIds: runIdsToCancel, next }, [])
    }
    return await applyForceRelease(tx, plan, request, userId)
  })
}

/** The agent and the run of the wake that was promoted. */
function nextIn(promoted: readonly DomainEvent[]): ForceReleaseResult['next'] {
  const event = promoted.find(({ action }) => action === wakePromoted.action)
  if (event === undefined) return null
  const { agentId, runId } = wakePromoted.details.parse(event.details)
  return { agentId, runId }
}

async function applyForceRelease(
  tx: Tx,
  { before, locked, previous, evicted, runIdsToCancel }: ForceReleasePlan,
  request: ForceReleaseRequest,
  userId: string,
): Promise<Outcome<ForceReleaseResult>> {
  const issueId = before.id
  const evictedRunIds = evicted.map((run) => run.runId)
  await evict(tx, issueId, evictedRunIds)
  const issue = await releaseHold(tx, issueId, request.clearAssignee)
  // The columns of this issue are clear already, so the end of the runs frees only their other issues.
  const otherIssues = locked.issues.filter((other) => other.id !== issueId)
  const ended = await endRuns(tx, { ...locked, issues: otherIssues }, runIdsToCancel, CANCELLED_BY_BOARD)
  const promoted = await promoteWake(tx, issueId)
  const cancelledRunIds = ended.runs.map((run) => run.id)
  const released = forceReleased(issueId, {
    issueId,
    actorUserId: userId,
    prevCheckoutRunId: previous.checkoutRunId,
    prevExecutionRunId: previous.executionRunId,
    clearAssignee: request.clearAssignee,
    reason: request.reason,
    prevStatus: before.status,
    prevAssigneeAgentId: before.assigneeAgentId,
    evictedRunIds,
    cancelledRunIds,
    lockEpoch: issue.lockEpoch,
  })
  const cancelled = ended.runs.map((run) =>
    runCancelled(run.id, { agentId: run.agentId, issueIds: [issueId] }, { agentId: run.agentId, runId: run.id }),
  )
  return changed(
    { issue, previous, evicted, cancelledRunIds, next: nextIn(promoted) },
    released,
    ...ended.events,
    ...cancelled,
    ...promoted,
  )
}
