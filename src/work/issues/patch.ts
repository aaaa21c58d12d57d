import { sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import { lockCompany } from '../../org/companies/index.ts'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { issues } from '../../model/issues.ts'
import {
  clearHold,
  endRuns,
  evict,
  hasHoldColumns,
  loadHolderRunIds,
  holdCleared,
  lockForEnd,
  holderRunIds,
  otherLiveHolder,
  checkWriteGate,
  retryTransaction,
} from '../../engine/holds/index.ts'
import type { Expected, HoldFacts, LockedForEnd, LockedIssue } from '../../engine/holds/index.ts'
import { actingRunIdOf } from '../../platform/kernel/actor.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { truncate } from '../../platform/kernel/text.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import { runCancelled } from '../../engine/runs/index.ts'
import { enqueueWake, promoteWake } from '../../engine/wakes/index.ts'
import { dependentsOf, wakeDependents, wakeUnblocked } from './dependents.ts'
import { issueUpdated } from './events.ts'
import { checkOutOwnIssue } from './selfCheckout.ts'
import type { CommentRow } from './queries.ts'
import { requireMayAssign, requireReferences } from './references.ts'
import { requireNoParentCycle, requireUnblocked, isBlocked, replaceBlockersOf, setLabels } from './relations.ts'
import { issueStatus, onEnter } from '../../model/issueStatus.ts'
import type { IssueStatus } from '../../model/issueStatus.ts'
import { postComment } from './postComment.ts'
import type { PatchIssue } from './views.ts'

/** Fields that are plain columns: written as given, recorded as changed. */
const plainFields = [
  'title',
  'description',
  'priority',
  'projectId',
  'projectWorkspaceId',
  'goalId',
  'parentId',
  'requestDepth',
  'billingCode',
  'assigneeAdapterOverrides',
  'hiddenAt',
] as const

/** Longest value an audit row repeats; the row itself has the rest. */
const MAX_AUDITED_LENGTH = 500

const truncateForAudit = (value: unknown): unknown =>
  typeof value === 'string' && value.length > MAX_AUDITED_LENGTH
    ? `${truncate(value, MAX_AUDITED_LENGTH)}… (${value.length} characters)`
    : value

/** What a patch would make of an issue, decided before anything is written. */
interface PatchPlan {
  readonly columns: Partial<Pick<typeof issues.$inferInsert, (typeof plainFields)[number]>>
  readonly status: IssueStatus
  readonly assigneeAgentId: string | null
  readonly assigneeUserId: string | null
  readonly isStatusChanged: boolean
  readonly isReassigned: boolean
  readonly reopenedFrom: IssueStatus | null
}

function planPatch(issue: LockedIssue, input: PatchIssue, ctx: Ctx): PatchPlan {
  const columns: Record<string, unknown> = {}
  for (const field of plainFields) {
    const value = input[field]
    if (value !== undefined && JSON.stringify(value) !== JSON.stringify(issue[field])) columns[field] = value
  }
  const assigneeAgentId = input.assigneeAgentId === undefined ? issue.assigneeAgentId : input.assigneeAgentId
  const assigneeUserId = input.assigneeUserId === undefined ? issue.assigneeUserId : input.assigneeUserId
  const isClosed = onEnter[issue.status].closed
  // A comment written by a run never reopens what this run has finished (LOCK_PROTOCOL §4.2).
  const isOwnWork = issue.closedByRunId !== null && issue.closedByRunId === actingRunIdOf(ctx.actor)
  const isReopening = input.status === undefined && input.comment !== undefined && input.reopen === true && isClosed && !isOwnWork
  const status = input.status ?? (isReopening ? 'todo' : issue.status)
  issueStatus.transition(issue.status, status)
  return {
    columns,
    status,
    assigneeAgentId,
    assigneeUserId,
    isStatusChanged: status !== issue.status,
    isReassigned: assigneeAgentId !== issue.assigneeAgentId || assigneeUserId !== issue.assigneeUserId,
    reopenedFrom: isReopening ? issue.status : null,
  }
}

/** An assignee that hands the issue back to the person who created it needs no permission to assign. */
const returnsToCreator = (issue: LockedIssue, plan: PatchPlan, ctx: Ctx): boolean =>
  ctx.actor.kind === 'agent' &&
  issue.assigneeAgentId === ctx.actor.agentId &&
  plan.assigneeAgentId === null &&
  plan.assigneeUserId !== null &&
  plan.assigneeUserId === issue.createdByUserId

async function requireValidPatch(tx: Tx, ctx: Ctx, issue: LockedIssue, input: PatchIssue, plan: PatchPlan): Promise<void> {
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
}

interface StatusColumns {
  status?: IssueStatus
  startedAt?: string | SQL
  completedAt?: SQL | null
  cancelledAt?: SQL | null
  closedByRunId?: string | null
}

/** The columns of a plan, stamps included (`onEnter`); `closedByRunId` remembers whose work ended here. */
function columnsToSet(issue: LockedIssue, plan: PatchPlan, ctx: Ctx) {
  const entry = onEnter[plan.status]
  const stamp = 'stamp' in entry ? entry.stamp : null
  const statusColumns: StatusColumns = plan.isStatusChanged
    ? {
        status: plan.status,
        ...(stamp === 'startedAt' ? { startedAt: issue.startedAt ?? sql`now()` } : {}),
        completedAt: stamp === 'completedAt' ? sql`now()` : null,
        cancelledAt: stamp === 'cancelledAt' ? sql`now()` : null,
        closedByRunId: entry.closed ? actingRunIdOf(ctx.actor) : null,
      }
    : {}
  const assigneeColumns = plan.isReassigned ? { assigneeAgentId: plan.assigneeAgentId, assigneeUserId: plan.assigneeUserId } : {}
  return { ...plan.columns, ...statusColumns, ...assigneeColumns, updatedAt: sql`now()` }
}

/**
 * (tx) Ends the hold that a move or a reassignment makes void, and evicts a live holder that is not the caller
 * (LOCK_PROTOCOL §4.4).
 */
async function endHold(tx: Tx, facts: HoldFacts<LockedIssue>, plan: PatchPlan): Promise<DomainEvent[]> {
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
  const lockEpoch = await clearHold(tx, issue.id)
  if (!hasHoldColumns(facts)) return []
  const runId = other?.id ?? issue.checkoutRunId ?? issue.executionRunId
  const why = plan.isReassigned ? 'reassigned' : 'moved'
  return [holdCleared(issue.id, { runId, why, evicted: other !== null, lockEpoch }, { runId })]
}

async function wakeAssignee(tx: Tx, ctx: Ctx, issue: LockedIssue, plan: PatchPlan): Promise<DomainEvent[]> {
  const { actor } = ctx
  const agentId = plan.assigneeAgentId
  if (agentId === null || plan.status === 'backlog' || onEnter[plan.status].closed) return []
  if (actor.kind === 'agent' && actor.agentId === agentId) return []
  const isLeavingBacklog = plan.isStatusChanged && issue.status === 'backlog'
  if (!plan.isReassigned && !isLeavingBacklog) return []
  const reason = plan.isReassigned ? 'issue_assigned' : 'issue_status_changed'
  return await enqueueWake(tx, ctx, { agentId, issueId: issue.id, source: 'assignment', reason })
}

function updateEvents(
  before: LockedIssue,
  plan: PatchPlan,
  input: PatchIssue,
  lockEpoch: number,
  interruptedRunId: string | null,
): DomainEvent[] {
  const changedFields: Record<string, unknown> = { ...plan.columns }
  if (plan.isStatusChanged) changedFields['status'] = plan.status
  if (plan.assigneeAgentId !== before.assigneeAgentId) changedFields['assigneeAgentId'] = plan.assigneeAgentId
  if (plan.assigneeUserId !== before.assigneeUserId) changedFields['assigneeUserId'] = plan.assigneeUserId
  const changedRelations: Record<string, unknown> = {}
  if (input.labelIds !== undefined && input.labelIds !== null) changedRelations['labelIds'] = input.labelIds
  if (input.blockedByIssueIds !== undefined) changedRelations['blockedByIssueIds'] = input.blockedByIssueIds
  if (Object.keys(changedFields).length === 0 && Object.keys(changedRelations).length === 0 && interruptedRunId === null) return []
  const previous = Object.fromEntries(Object.keys(changedFields).map((key) => [key, truncateForAudit(before[key as keyof LockedIssue])]))
  const fields = Object.fromEntries(Object.entries(changedFields).map(([key, value]) => [key, truncateForAudit(value)]))
  return [
    issueUpdated(before.id, {
      ...fields,
      ...changedRelations,
      identifier: before.identifier,
      lockEpoch,
      _previous: previous,
      ...(plan.reopenedFrom === null ? {} : { reopened: true, reopenedFrom: plan.reopenedFrom, source: 'comment' }),
      ...(interruptedRunId === null ? {} : { interruptedRunId }),
    }),
  ]
}

/** Locks what a patch needs, in the global order: company for the graph, the issue, the run to interrupt. */
async function lockForPatch(tx: Tx, ctx: Ctx, issueId: string, input: PatchIssue) {
  if (input.blockedByIssueIds !== undefined || typeof input.parentId === 'string') await lockCompany(tx, companyOf(ctx))
  // The gate looks at both columns' runs: whichever of them is to end, both are locked here, in the order of their ids.
  const holders = input.interrupt === true ? await loadHolderRunIds(tx, companyOf(ctx), issueId) : []
  // Whoever waits for this issue to end is woken under its own lock; new blockers are locked, so that none ends unseen.
  const isClosing = input.status !== undefined && onEnter[input.status].closed
  const findDependents = async (): Promise<string[]> => (isClosing ? await dependentsOf(tx, companyOf(ctx), issueId) : [])
  const newParentIds = isClosing && typeof input.parentId === 'string' ? [input.parentId] : []
  const relatedIds = [...(await findDependents()), ...newParentIds, ...(input.blockedByIssueIds ?? [])]
  const locked = await lockForEnd(tx, ctx, holders, [issueId, ...relatedIds])
  if ((await findDependents()).some((id) => !relatedIds.includes(id))) throw retryTransaction()
  const issue = locked.issues.find((row) => row.id === issueId)
  if (issue === undefined) refuse('not_found', { message: 'Issue not found' })
  if (input.interrupt === true && holderRunIds(issue).some((runId) => !holders.includes(runId))) throw retryTransaction()
  return { locked, issue }
}

async function interruptRun(tx: Tx, locked: LockedForEnd, runId: string): Promise<DomainEvent[]> {
  const issueIds = locked.issues.filter((row) => holderRunIds(row).includes(runId)).map((row) => row.id)
  const ended = await endRuns(tx, locked, [runId], { status: 'cancelled', error: 'Interrupted by the board', errorCode: 'cancelled' })
  return [
    ...ended.events,
    ...ended.runs.map((run) => runCancelled(run.id, { agentId: run.agentId, issueIds }, { agentId: run.agentId, runId: run.id })),
  ]
}

export interface PatchResult {
  readonly comment: CommentRow | null
  readonly events: readonly DomainEvent[]
}

/**
 * (tx) Changes an issue, and comments on it in the same transaction if asked. Moving it out of `in_progress` or giving
 * it to another ends the hold; moving one's own issue into `in_progress` takes it.
 *
 * @param expected what the client has seen: entity tag and lock epoch
 * @throws Refusal of the gate (LOCK_PROTOCOL §4.2, §4.4), of references, and of assignees
 */
export async function patchIssue(tx: Tx, ctx: Ctx, issueId: string, input: PatchIssue, expected: Expected): Promise<PatchResult> {
  if (input.interrupt === true) {
    if (ctx.actor.kind !== 'board') refuse('board_required')
    if (input.comment === undefined) refuse('bad_request', { message: 'interrupt needs a comment' })
  }
  const { locked, issue } = await lockForPatch(tx, ctx, issueId, input)
  const { facts, events: gateEvents } = await checkWriteGate(tx, ctx, issue, expected)
  const before = facts.issue
  const interruptedRunId = input.interrupt === true ? (otherLiveHolder(facts)?.id ?? null) : null
  const plan = planPatch(before, input, ctx)
  await requireValidPatch(tx, ctx, before, input, plan)

  const events: DomainEvent[] = [...gateEvents]
  if (interruptedRunId !== null) events.push(...(await interruptRun(tx, locked, interruptedRunId)))
  const { actor } = ctx
  const entersProgress = plan.isStatusChanged && plan.status === 'in_progress'
  // Giving oneself an issue that is in progress is no other way around holding it.
  const entersOwnProgress = entersProgress || (plan.isReassigned && plan.status === 'in_progress')
  const isSelfCheckout = entersOwnProgress && actor.kind === 'agent' && plan.assigneeAgentId === actor.agentId
  if (entersProgress && !isSelfCheckout) await requireUnblocked(tx, issueId)

  const endsHold = plan.isReassigned || (plan.isStatusChanged && before.status === 'in_progress')
  const hasStaleHold = entersProgress && !isSelfCheckout && hasHoldColumns(facts)
  if (endsHold || hasStaleHold) events.push(...(await endHold(tx, facts, plan)))

  const { status, startedAt, ...rest } = columnsToSet(before, plan, ctx)
  // Taking the hold moves the status itself, and decides on the one it finds.
  const row = isSelfCheckout
    ? rest
    : { ...rest, ...(status === undefined ? {} : { status }), ...(startedAt === undefined ? {} : { startedAt }) }
  // Labels and blockers are part of what an entity tag stands for, so changing them counts as a change of the row.
  if (Object.keys(row).length > 1 || input.labelIds || input.blockedByIssueIds)
    await tx
      .update(issues)
      .set(row)
      .where(sql`${issues.id} = ${issueId}`)
  if (input.labelIds) await setLabels(tx, issueId, input.labelIds)
  const wasBlocked = input.blockedByIssueIds ? await isBlocked(tx, issueId) : false
  const blockerEvents = input.blockedByIssueIds ? await replaceBlockersOf(tx, before, input.blockedByIssueIds) : []
  if (isSelfCheckout) events.push(...(await checkOutOwnIssue(tx, ctx, await readLockedIssue(tx, ctx, issueId), actor.agentId)))
  if (endsHold || hasStaleHold || interruptedRunId !== null) events.push(...(await promoteWake(tx, issueId)))
  events.push(...(await wakeAssignee(tx, ctx, before, plan)))
  if (blockerEvents.length > 0 && wasBlocked) events.push(...(await wakeUnblocked(tx, ctx, [issueId])))
  if (plan.isStatusChanged) events.push(...(await wakeDependents(tx, ctx, issueId, before.status, plan.status)))

  const after = await readLockedIssue(tx, ctx, issueId)
  events.push(...updateEvents(before, plan, input, after.lockEpoch, interruptedRunId), ...blockerEvents)
  if (input.comment === undefined) return { comment: null, events }
  const posted = await postComment(tx, ctx, after, input.comment, plan.reopenedFrom)
  return { comment: posted.comment, events: [...events, posted.event, ...posted.effects] }
}

/** Reads the issue again, under the lock that is already held. */
async function readLockedIssue(tx: Tx, ctx: Ctx, issueId: string): Promise<LockedIssue> {
  const {
    issues: [issue],
  } = await lockForEnd(tx, ctx, [], [issueId])
  if (issue === undefined) refuse('not_found', { message: 'Issue not found' })
  return issue
}
