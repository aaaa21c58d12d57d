import type { LockedIssue } from '../../engine/holds/index.ts'
import { isClosed, issueStatus, onEnter } from '../../model/issueStatus.ts'
import type { IssueStatus } from '../../model/issueStatus.ts'
import type { issues } from '../../model/issues.ts'
import { actingRunIdOf } from '../../platform/kernel/actor.ts'
import type { Actor } from '../../platform/kernel/actor.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import { truncateForAudit } from '../../platform/kernel/text.ts'
import { issueUpdated } from './events.ts'
import { requireBoardForOverrides } from './hostFields.ts'
import type { PatchIssue } from './views.ts'

// The pure decisions of `patchIssue`: what a patch makes of an issue, and what is recorded of it.

/** Fields that are plain columns: they are written as given and recorded if they differ. */
export const plainFields = [
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

/** The result of a patch, decided before anything is written. */
export interface PatchPlan {
  readonly input: PatchIssue
  /** The plain columns that differ. */
  readonly columns: Partial<Pick<typeof issues.$inferInsert, (typeof plainFields)[number]>>
  readonly status: IssueStatus
  readonly assigneeAgentId: string | null
  readonly assigneeUserId: string | null
  readonly isStatusChanged: boolean
  readonly isReassigned: boolean
  /** The closed status that a comment with `reopen` ends; otherwise null. */
  readonly reopenedFrom: IssueStatus | null
  readonly entersProgress: boolean
  /** The acting agent, when its own issue is in progress through this patch: the patch is then a checkout. */
  readonly selfCheckoutAgentId: string | null
  /** The patch moves the issue out of `in_progress` or gives it to another assignee (LOCK_PROTOCOL §4.4). */
  readonly endsHold: boolean
}

function changedColumns(issue: LockedIssue, input: PatchIssue): PatchPlan['columns'] {
  const columns: Record<string, unknown> = {}
  for (const field of plainFields) {
    const value = input[field]
    if (value !== undefined && JSON.stringify(value) !== JSON.stringify(issue[field])) columns[field] = value
  }
  return columns
}

/** Decides what a patch makes of an issue. @throws Refusal `illegal_transition`, `approval_required` */
export function planPatch(issue: LockedIssue, input: PatchIssue, actor: Actor): PatchPlan {
  const assigneeAgentId = input.assigneeAgentId === undefined ? issue.assigneeAgentId : input.assigneeAgentId
  const assigneeUserId = input.assigneeUserId === undefined ? issue.assigneeUserId : input.assigneeUserId
  // A comment of a run never reopens an issue that this run closed (LOCK_PROTOCOL §4.2).
  const isOwnWork = issue.closedByRunId !== null && issue.closedByRunId === actingRunIdOf(actor)
  const wantsReopening = input.status === undefined && input.comment !== undefined && input.reopen === true
  const isReopening = wantsReopening && isClosed(issue.status) && !isOwnWork
  const status = input.status ?? (isReopening ? 'todo' : issue.status)
  issueStatus.transition(issue.status, status)
  const isStatusChanged = status !== issue.status
  const isReassigned = assigneeAgentId !== issue.assigneeAgentId || assigneeUserId !== issue.assigneeUserId
  // An agent that takes over an issue in progress must hold it too, so a reassignment counts like a move.
  const becomesInProgress = (isStatusChanged || isReassigned) && status === 'in_progress'
  const columns = changedColumns(issue, input)
  requireBoardForOverrides(actor, 'assigneeAdapterOverrides' in columns ? input.assigneeAdapterOverrides : undefined)
  return {
    input,
    columns,
    status,
    assigneeAgentId,
    assigneeUserId,
    isStatusChanged,
    isReassigned,
    reopenedFrom: isReopening ? issue.status : null,
    entersProgress: isStatusChanged && status === 'in_progress',
    selfCheckoutAgentId: becomesInProgress && actor.kind === 'agent' && assigneeAgentId === actor.agentId ? actor.agentId : null,
    endsHold: isReassigned || (isStatusChanged && issue.status === 'in_progress'),
  }
}

interface StatusColumns {
  status?: IssueStatus
  /** Set to the present time where the issue has no such time yet. */
  startedAt?: true
  /** True sets the present time, false clears the column. */
  completedAt?: boolean
  cancelledAt?: boolean
  closedByRunId?: string | null
}

/** The columns that a patch writes, each with its new value. Those that are left out stay. */
export type ColumnsToSet = PatchPlan['columns'] & StatusColumns & { assigneeAgentId?: string | null; assigneeUserId?: string | null }

/**
 * The columns that a plan writes, with the timestamps of `onEnter`. `closedByRunId` records the run that closed the
 * issue. Status and start of a self-checkout are left out: the checkout itself writes them, and decides on the status
 * that it finds.
 */
export function columnsToSet(plan: PatchPlan, actor: Actor): ColumnsToSet {
  const entry = onEnter[plan.status]
  const stamp = 'stamp' in entry ? entry.stamp : null
  const statusColumns: StatusColumns = {}
  if (plan.isStatusChanged) {
    statusColumns.completedAt = stamp === 'completedAt'
    statusColumns.cancelledAt = stamp === 'cancelledAt'
    statusColumns.closedByRunId = entry.closed ? actingRunIdOf(actor) : null
  }
  if (plan.isStatusChanged && plan.selfCheckoutAgentId === null) {
    statusColumns.status = plan.status
    if (stamp === 'startedAt') statusColumns.startedAt = true
  }
  const assigneeColumns = plan.isReassigned ? { assigneeAgentId: plan.assigneeAgentId, assigneeUserId: plan.assigneeUserId } : {}
  return { ...plan.columns, ...statusColumns, ...assigneeColumns }
}

/** The issue as a plan leaves it: the columns that a comment and its wakes are decided by. Times are not set. */
export const afterPatch = (before: LockedIssue, plan: PatchPlan, lockEpoch: number): LockedIssue =>
  ({
    ...before,
    ...plan.columns,
    status: plan.status,
    assigneeAgentId: plan.assigneeAgentId,
    assigneeUserId: plan.assigneeUserId,
    lockEpoch,
  }) as LockedIssue

/** Facts about a patch that its event records in addition to the plan. */
interface PatchEffects {
  readonly lockEpoch: number
  readonly interruptedRunId: string | null
}

/** The event of a patch; none when it changed nothing. */
export function updateEvents(before: LockedIssue, plan: PatchPlan, { lockEpoch, interruptedRunId }: PatchEffects): DomainEvent[] {
  const { input } = plan
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
