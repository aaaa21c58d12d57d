import { lockCompany } from '../../org/companies/index.ts'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { pipelined } from '../../platform/db/mutate.ts'
import {
  clearHold,
  endRuns,
  evict,
  hasHoldColumns,
  loadHolderRunIds,
  loadHoldFacts,
  loadHoldFactsBehind,
  holdCleared,
  lockForEnd,
  lockIssues,
  noneWaitedFor,
  holderRunIds,
  otherLiveHolder,
  passWriteGate,
  retryTransaction,
} from '../../engine/holds/index.ts'
import type { Expected, HoldFacts, IssueWithRelations, LockedForEnd, LockedIssue } from '../../engine/holds/index.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import { requireMayTakeOutOf } from '../../engine/budgets/index.ts'
import { runCancelled } from '../../engine/runs/index.ts'
import { enqueueWake, promoteWake, REVIEW_REASON } from '../../engine/wakes/index.ts'
import { expireByCancellation } from '../interactionExpiry/index.ts'
import { dependentsOf, lockWithDependents, wakeDependents, wakeUnblocked } from './dependents.ts'
import { afterPatch, columnsToSet, planPatch, updateEvents } from './patchPlan.ts'
import type { PatchPlan } from './patchPlan.ts'
import { checkOutOwnIssue, reserveOfProject } from './selfCheckout.ts'
import type { CommentRow } from './queries.ts'
import { requireMayAssign, requireReferences } from './references.ts'
import { requireNoParentCycle, requireUnblocked, isBlocked, isRelated, replaceBlockersOf, setLabels } from './relations.ts'
import { isClosed, onEnter } from '../../model/issueStatus.ts'
import { postComment } from './postComment.ts'
import type { PatchIssue } from './views.ts'
import { writeColumns } from './writeColumns.ts'
import type { ColumnsToWrite } from './writeColumns.ts'

export interface PatchRequest {
  readonly input: PatchIssue
  /** The entity tag and the lock epoch that the client has seen. */
  readonly expected: Expected
}

export interface PatchResult {
  readonly comment: Promise<CommentRow> | null
  /** The issue after the patch, when a statement of the patch has returned it; null when it must be read. */
  readonly issue: Promise<IssueWithRelations> | null
  readonly events: readonly DomainEvent[]
}

/**
 * (tx) Changes an issue, and comments on it in the same transaction if asked. A move out of `in_progress` and a
 * reassignment end the hold. A move of the agent's own issue into `in_progress` takes it.
 *
 * The order of the steps is fixed, because each relies on the steps before it:
 * 1. Lock every row that the patch may touch, in the global order of locks.
 * 2. Check the write gate, which may adopt a dead hold, before anything is decided from the row.
 * 3. Decide the plan and check its references, before anything is written.
 * 4. End the interrupted run, while the hold columns still name it.
 * 5. Refuse a move into progress while a blocker is open, and end the hold that the patch makes void.
 * 6. Write the columns, the labels and the blockers.
 * 7. Take the hold for the acting run, on the row as step 6 left it.
 * 8. Wake: a wake that waited for the hold, the assignee, the reviewer, this issue if nothing blocks it any more, its dependents.
 * 9. Make the events and the comment from the final lock epoch and status: as decided, or read again where a step decided more.
 *
 * A statement that no decision depends on is not awaited.
 *
 * @throws Refusal of the write gate (LOCK_PROTOCOL §4.2, §4.4), of references, and of assignees
 */
export async function patchIssue(tx: Tx, ctx: Ctx, issueId: string, { input, expected }: PatchRequest): Promise<PatchResult> {
  requireMayInterrupt(ctx, input)
  const { locked, facts: lockedFacts, hasDependents, isRelated: related } = await lockForPatch(tx, ctx, issueId, input)

  const { facts, events: gateEvents } = await passWriteGate(tx, ctx, lockedFacts, expected)
  const before = facts.issue
  const interruptedRunId = input.interrupt === true ? (otherLiveHolder(facts)?.id ?? null) : null

  const plan = planPatch(before, input, ctx.actor)
  await requireValidPatch(tx, ctx, before, plan)

  const events: DomainEvent[] = [...gateEvents]
  if (interruptedRunId !== null) events.push(...(await interruptRun(tx, locked, interruptedRunId)))

  const entersWithoutHolder = plan.entersProgress && plan.selfCheckoutAgentId === null
  if (entersWithoutHolder) await requireUnblocked(tx, issueId)
  const isHoldEnded = plan.endsHold || (entersWithoutHolder && hasHoldColumns(facts))
  if (isHoldEnded) events.push(...(await endHold(tx, facts, plan, interruptedRunId !== null)))

  const written = writePlan(tx, ctx, before.id, { plan, endsHold: isHoldEnded && interruptedRunId === null, isRelated: related })
  const blockers = await replaceRelations(tx, before, input)
  if (!isHoldEnded && typeof input.projectId === 'string' && input.projectId !== before.projectId) reserveOfProject(tx, ctx, before)

  if (plan.selfCheckoutAgentId !== null)
    events.push(...(await checkOutOwnIssue(tx, ctx, await readLockedIssue(tx, ctx, issueId), plan.selfCheckoutAgentId)))

  if ((isHoldEnded && facts.wakesWait) || interruptedRunId !== null) events.push(...(await promoteWake(tx, issueId)))
  events.push(...(await wakeAssignee(tx, ctx, before, plan)), ...(await wakeReviewer(tx, ctx, before, plan)))
  if (blockers.events.length > 0 && blockers.wasBlocked) events.push(...(await wakeUnblocked(tx, ctx, [issueId])))
  if (plan.isStatusChanged && hasDependents)
    events.push(...(await wakeDependents(tx, ctx, issueId, { from: before.status, to: plan.status })))

  if (plan.isStatusChanged && plan.status === 'cancelled') events.push(...(await expireByCancellation(tx, issueId)))
  const isDecidedLater = plan.selfCheckoutAgentId !== null || interruptedRunId !== null
  const after = isDecidedLater
    ? await readLockedIssue(tx, ctx, issueId)
    : afterPatch(before, plan, isHoldEnded ? before.lockEpoch + 1 : before.lockEpoch)
  events.push(...updateEvents(before, plan, { lockEpoch: after.lockEpoch, interruptedRunId }), ...blockers.events)
  if (input.comment === undefined) return { comment: null, issue: isDecidedLater || !returnsItsIssue(input) ? null : written, events }
  const posted = await postComment(tx, ctx, after, { body: input.comment, reopenedFrom: plan.reopenedFrom })
  return { comment: posted.comment, issue: null, events: [...events, posted.event, ...posted.effects] }
}

function requireMayInterrupt(ctx: Ctx, input: PatchIssue): void {
  if (input.interrupt !== true) return
  if (ctx.actor.kind !== 'board') refuse('board_required')
  if (input.comment === undefined) refuse('bad_request', { message: 'interrupt needs a comment' })
}

interface LockedForPatch {
  readonly locked: LockedForEnd
  readonly facts: HoldFacts<LockedIssue>
  /** An issue waits for this one to be closed, or it has a parent. Always false when the patch does not close it. */
  readonly hasDependents: boolean
  /** It has labels, blockers, or issues that it blocks. Always false when the patch does not return them with its columns. */
  readonly isRelated: boolean
}

/**
 * Locks the rows that a patch may touch, in the global order: the company for the graph, the issues, the runs. Dependents are woken under
 * their own locks. New blockers are locked too, so that none of them closes unnoticed.
 */
async function lockForPatch(tx: Tx, ctx: Ctx, issueId: string, input: PatchIssue): Promise<LockedForPatch> {
  const companyId = companyOf(ctx)
  const isClosing = input.status !== undefined && isClosed(input.status)
  const newParentIds = isClosing && typeof input.parentId === 'string' ? [input.parentId] : []
  const relatedIds = [...newParentIds, ...(input.blockedByIssueIds ?? [])]
  const needsCompany = input.blockedByIssueIds !== undefined || typeof input.parentId === 'string'
  const company = needsCompany ? pipelined(lockCompany(tx, companyId)) : null
  if (input.interrupt === true) {
    await company
    return await lockToInterrupt(tx, ctx, issueId, { relatedIds, isClosing })
  }
  // One round trip. The look for dependents behind the locks shows those that were added meanwhile.
  const locking = isClosing
    ? lockWithDependents(tx, companyId, issueId, relatedIds)
    : lockIssues(tx, companyId, [...new Set([issueId, ...relatedIds])])
  const finding = isClosing ? dependentsOf(tx, companyId, issueId) : []
  const loading = loadHoldFactsBehind(
    tx,
    ctx,
    issueId,
    locking.then((issues) => issueAmong(issues, issueId)),
  )
  const relating = returnsItsIssue(input) && isRelated(tx, issueId)
  const [issues, dependents, facts, related] = await Promise.all([locking, finding, loading, relating, company])
  requireLocked(issues, dependents)
  return {
    locked: { issues, runs: [], waitedForIds: noneWaitedFor, hasReservations: false },
    facts,
    hasDependents: dependents.length + newParentIds.length > 0,
    isRelated: related,
  }
}

interface Related {
  readonly relatedIds: readonly string[]
  readonly isClosing: boolean
}

/** As `lockForPatch` for a patch that ends the run of the holder: the issues of that run are locked too. */
async function lockToInterrupt(tx: Tx, ctx: Ctx, issueId: string, { relatedIds, isClosing }: Related): Promise<LockedForPatch> {
  const companyId = companyOf(ctx)
  // The write gate reads the runs of both hold columns. Both are locked here by ascending id, whichever of them is to end.
  const holders = await loadHolderRunIds(tx, companyId, issueId)
  const findDependents = async (): Promise<string[]> => (isClosing ? await dependentsOf(tx, companyId, issueId) : [])
  const locked = await lockForEnd(tx, ctx, holders, { issueIds: [issueId, ...relatedIds, ...(await findDependents())] })
  const dependents = await findDependents()
  requireLocked(locked.issues, dependents)
  const issue = issueAmong(locked.issues, issueId)
  if (holderRunIds(issue).some((runId) => !holders.includes(runId))) throw retryTransaction()
  return { locked, facts: await loadHoldFacts(tx, ctx, issue, null), hasDependents: isClosing, isRelated: false }
}

/** Starts over when dependents were added after the locks were taken. */
function requireLocked(issues: readonly LockedIssue[], dependents: readonly string[]): void {
  const lockedIds = new Set(issues.map(({ id }) => id))
  if (dependents.some((id) => !lockedIds.has(id))) throw retryTransaction()
}

const issueAmong = (issues: readonly LockedIssue[], id: string): LockedIssue =>
  issues.find((issue) => issue.id === id) ?? refuse('not_found', { message: 'Issue not found' })

/** True when an assignee returns the issue to the person who created it, which needs no permission to assign. */
const returnsToCreator = (issue: LockedIssue, plan: PatchPlan, ctx: Ctx): boolean =>
  ctx.actor.kind === 'agent' &&
  issue.assigneeAgentId === ctx.actor.agentId &&
  plan.assigneeAgentId === null &&
  plan.assigneeUserId !== null &&
  plan.assigneeUserId === issue.createdByUserId

async function requireValidPatch(tx: Tx, ctx: Ctx, issue: LockedIssue, plan: PatchPlan): Promise<void> {
  const { input } = plan
  if (plan.assigneeAgentId !== null && plan.assigneeUserId !== null) refuse('assignee_conflict')
  const entry = onEnter[plan.status]
  if ('needs' in entry && plan.assigneeAgentId === null && plan.assigneeUserId === null) refuse('assignee_needed')
  if (plan.isReassigned && !returnsToCreator(issue, plan, ctx)) await requireMayAssign(tx, ctx)
  await requireReferences(tx, ctx, {
    ...input,
    assigneeAgentId: plan.isReassigned ? plan.assigneeAgentId : null,
    assigneeUserId: plan.isReassigned ? plan.assigneeUserId : null,
  })
  if (typeof input.parentId === 'string') await requireNoParentCycle(tx, issue.id, input.parentId)
  if (input.projectId !== undefined && issue.projectId !== null && input.projectId !== issue.projectId)
    await requireMayTakeOutOf(tx, ctx, issue.projectId)
}

async function interruptRun(tx: Tx, locked: LockedForEnd, runId: string): Promise<DomainEvent[]> {
  const issueIds = locked.issues.filter((row) => holderRunIds(row).includes(runId)).map((row) => row.id)
  const ended = await endRuns(tx, locked, [runId], { status: 'cancelled', error: 'Interrupted by the board', errorCode: 'cancelled' })
  return [
    ...ended.events,
    ...ended.runs.map((run) => runCancelled(run.id, { agentId: run.agentId, issueIds }, { agentId: run.agentId, runId: run.id })),
  ]
}

/**
 * (tx) Ends the hold that a move or a reassignment makes void, and evicts a live holder that is not the caller
 * (LOCK_PROTOCOL §4.4). The columns of the hold are cleared with those of the patch.
 * @param wasInterrupted the end of a run has changed the epoch since the facts were read, so the columns are cleared here
 */
async function endHold(tx: Tx, facts: HoldFacts<LockedIssue>, plan: PatchPlan, wasInterrupted: boolean): Promise<DomainEvent[]> {
  const { issue } = facts
  const other = otherLiveHolder(facts)
  if (other !== null) {
    const liveRuns = [facts.checkoutRun, facts.executionRun].filter((run) => run?.live === true && run.id !== facts.acting?.id)
    await evict(
      tx,
      issue.id,
      liveRuns.map((run) => run?.id ?? ''),
    )
  }
  const lockEpoch = wasInterrupted ? await clearHold(tx, issue.id) : issue.lockEpoch + 1
  if (!hasHoldColumns(facts)) return []
  const runId = other?.id ?? issue.checkoutRunId ?? issue.executionRunId
  const why = plan.isReassigned ? 'reassigned' : 'moved'
  return [holdCleared(issue.id, { runId, why, evicted: other !== null, lockEpoch }, { runId })]
}

const hasRelations = (input: PatchIssue): boolean => Boolean(input.labelIds) || Boolean(input.blockedByIssueIds)

/** Whether the issue may be answered as the write of its columns returns it: a comment and relations come behind that write. */
const returnsItsIssue = (input: PatchIssue): boolean => input.comment === undefined && !hasRelations(input)

interface PlanToWrite extends Pick<ColumnsToWrite, 'endsHold' | 'isRelated'> {
  readonly plan: PatchPlan
}

/** Writes the columns of a plan, if it has any. @returns the issue as it then is; null when nothing was written */
function writePlan(tx: Tx, ctx: Ctx, id: string, { plan, ...how }: PlanToWrite): Promise<IssueWithRelations> | null {
  const columns = columnsToSet(plan, ctx.actor)
  // An entity tag covers labels and blockers too, so a change of them counts as a change of the row.
  if (Object.keys(columns).length === 0 && !how.endsHold && !hasRelations(plan.input)) return null
  return pipelined(writeColumns(tx, id, { columns, ...how }))
}

/** Replaces the labels and blockers that a patch names. @returns the events of the blockers, and whether one was open before */
async function replaceRelations(
  tx: Tx,
  issue: LockedIssue,
  input: PatchIssue,
): Promise<{ wasBlocked: boolean; events: readonly DomainEvent[] }> {
  if (input.labelIds) await setLabels(tx, issue.id, input.labelIds)
  if (!input.blockedByIssueIds) return { wasBlocked: false, events: [] }
  const wasBlocked = await isBlocked(tx, issue.id)
  return { wasBlocked, events: await replaceBlockersOf(tx, issue, input.blockedByIssueIds) }
}

async function wakeAssignee(tx: Tx, ctx: Ctx, issue: LockedIssue, plan: PatchPlan): Promise<DomainEvent[]> {
  const { actor } = ctx
  const agentId = plan.assigneeAgentId
  if (agentId === null || plan.status === 'backlog' || isClosed(plan.status)) return []
  if (actor.kind === 'agent' && actor.agentId === agentId) return []
  const isLeavingBacklog = plan.isStatusChanged && issue.status === 'backlog'
  if (!plan.isReassigned && !isLeavingBacklog) return []
  // As in `insertIssue`: the end of the last blocker wakes the assignee.
  if (await isBlocked(tx, issue.id)) return []
  const reason = plan.isReassigned ? 'issue_assigned' : 'issue_status_changed'
  return await enqueueWake(tx, ctx, { agentId, issueId: issue.id, source: 'assignment', reason })
}

/**
 * (tx) Wakes the agent that created an issue when its assignee puts it in review and keeps it: no other agent learns of it otherwise. A person who
 * created it finds it among the work that waits for people; an issue without an assignee can be claimed by any reviewer.
 */
async function wakeReviewer(tx: Tx, ctx: Ctx, issue: LockedIssue, plan: PatchPlan): Promise<DomainEvent[]> {
  const { actor } = ctx
  const reviewerId = issue.createdByAgentId
  if (!plan.isStatusChanged || plan.status !== 'in_review' || actor.kind !== 'agent' || plan.assigneeAgentId !== actor.agentId) return []
  if (reviewerId === null || reviewerId === actor.agentId) return []
  const wake = { agentId: reviewerId, issueId: issue.id, source: 'automation', reason: REVIEW_REASON, besideHolder: true } as const
  return await enqueueWake(tx, ctx, wake)
}

/** Reads the issue again, under the lock that is already held. */
async function readLockedIssue(tx: Tx, ctx: Ctx, issueId: string): Promise<LockedIssue> {
  const {
    issues: [issue],
  } = await lockForEnd(tx, ctx, [], { issueIds: [issueId] })
  if (issue === undefined) refuse('not_found', { message: 'Issue not found' })
  return issue
}
