import { sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import { lockCompany } from '../companies/index.ts'
import type { Ctx } from '../db/context.ts'
import { companyOf } from '../db/context.ts'
import { issues } from '../db/schema/issues.ts'
import type { Tx } from '../db/mutate.ts'
import {
  clear,
  endRuns,
  evict,
  hasColumns,
  holdersOf,
  lockCleared,
  lockForEnd,
  namedRuns,
  otherLiveHolder,
  passGate,
  startOver,
} from '../holds/index.ts'
import type { Expected, HoldFacts, Locked, LockedIssue } from '../holds/index.ts'
import { actingRun } from '../kernel/actor.ts'
import { notFound, refuse } from '../kernel/errors.ts'
import { shorten } from '../kernel/text.ts'
import type { DomainEvent } from '../kernel/event.ts'
import { runCancelled } from '../runs/index.ts'
import { enqueueWake, promoteWake } from '../wakes/index.ts'
import { waitingFor, wakeDependents, wakeUnblocked } from './dependents.ts'
import { issueUpdated } from './events.ts'
import { takeByOwnHand } from './progress.ts'
import type { CommentRow } from './queries.ts'
import { demandMayAssign, demandReferences } from './references.ts'
import { demandNoParentCycle, demandUnblocked, isBlocked, replaceBlockersOf, setLabels } from './relations.ts'
import { issueStatus, onEnter } from './status.ts'
import type { IssueStatus } from './status.ts'
import { say } from './thread.ts'
import type { PatchIssue } from './views.ts'

/** Fields that are plain columns: written as given, recorded as changed. */
const plain = [
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
const AUDITED_LENGTH = 500

const audited = (value: unknown): unknown =>
  typeof value === 'string' && value.length > AUDITED_LENGTH ? `${shorten(value, AUDITED_LENGTH)}… (${value.length} characters)` : value

/** What a patch would make of an issue, decided before anything is written. */
interface Plan {
  readonly columns: Partial<Pick<typeof issues.$inferInsert, (typeof plain)[number]>>
  readonly status: IssueStatus
  readonly assigneeAgentId: string | null
  readonly assigneeUserId: string | null
  readonly isMoved: boolean
  readonly isReassigned: boolean
  readonly reopenedFrom: IssueStatus | null
}

function planOf(issue: LockedIssue, wanted: PatchIssue, ctx: Ctx): Plan {
  const columns: Record<string, unknown> = {}
  for (const field of plain) {
    const value = wanted[field]
    if (value !== undefined && JSON.stringify(value) !== JSON.stringify(issue[field])) columns[field] = value
  }
  const assigneeAgentId = wanted.assigneeAgentId === undefined ? issue.assigneeAgentId : wanted.assigneeAgentId
  const assigneeUserId = wanted.assigneeUserId === undefined ? issue.assigneeUserId : wanted.assigneeUserId
  const isClosed = onEnter[issue.status].closed
  // A comment written by a run never reopens what this run has finished (lock-protocol §4.2).
  const ownWork = issue.closedByRunId !== null && issue.closedByRunId === actingRun(ctx.actor)
  const reopens = wanted.status === undefined && wanted.comment !== undefined && wanted.reopen === true && isClosed && !ownWork
  const status = wanted.status ?? (reopens ? 'todo' : issue.status)
  issueStatus.step(issue.status, status)
  return {
    columns,
    status,
    assigneeAgentId,
    assigneeUserId,
    isMoved: status !== issue.status,
    isReassigned: assigneeAgentId !== issue.assigneeAgentId || assigneeUserId !== issue.assigneeUserId,
    reopenedFrom: reopens ? issue.status : null,
  }
}

/** An assignee that hands the issue back to the person who created it needs no permission to assign. */
const handsBack = (issue: LockedIssue, plan: Plan, ctx: Ctx): boolean =>
  ctx.actor.kind === 'agent' &&
  issue.assigneeAgentId === ctx.actor.agentId &&
  plan.assigneeAgentId === null &&
  plan.assigneeUserId !== null &&
  plan.assigneeUserId === issue.createdByUserId

async function demandLegal(tx: Tx, ctx: Ctx, issue: LockedIssue, wanted: PatchIssue, plan: Plan): Promise<void> {
  if (plan.assigneeAgentId !== null && plan.assigneeUserId !== null) refuse('assignee_conflict')
  const entry = onEnter[plan.status]
  if ('needs' in entry && plan.assigneeAgentId === null && plan.assigneeUserId === null) refuse('assignee_needed')
  if (plan.isReassigned && !handsBack(issue, plan, ctx)) await demandMayAssign(tx, ctx)
  await demandReferences(tx, ctx, {
    ...wanted,
    assigneeAgentId: plan.isReassigned ? plan.assigneeAgentId : null,
    assigneeUserId: plan.isReassigned ? plan.assigneeUserId : null,
  })
  if (typeof wanted.parentId === 'string') await demandNoParentCycle(tx, issue.id, wanted.parentId)
}

interface Moved {
  status?: IssueStatus
  startedAt?: string | SQL
  completedAt?: SQL | null
  cancelledAt?: SQL | null
  closedByRunId?: string | null
}

/** The columns of a plan, stamps included (`onEnter`); `closedByRunId` remembers whose work ended here. */
function rowOf(issue: LockedIssue, plan: Plan, ctx: Ctx) {
  const entry = onEnter[plan.status]
  const stamp = 'stamp' in entry ? entry.stamp : null
  const moved: Moved = plan.isMoved
    ? {
        status: plan.status,
        ...(stamp === 'startedAt' ? { startedAt: issue.startedAt ?? sql`now()` } : {}),
        completedAt: stamp === 'completedAt' ? sql`now()` : null,
        cancelledAt: stamp === 'cancelledAt' ? sql`now()` : null,
        closedByRunId: entry.closed ? actingRun(ctx.actor) : null,
      }
    : {}
  const assigned = plan.isReassigned ? { assigneeAgentId: plan.assigneeAgentId, assigneeUserId: plan.assigneeUserId } : {}
  return { ...plan.columns, ...moved, ...assigned, updatedAt: sql`now()` }
}

/**
 * (tx) Ends the hold that a move or a reassignment makes void, and evicts a live holder that is not the caller
 * (lock-protocol §4.4).
 */
async function voidHold(tx: Tx, facts: HoldFacts<LockedIssue>, plan: Plan): Promise<DomainEvent[]> {
  const { issue } = facts
  const other = otherLiveHolder(facts)
  if (other !== null) {
    const live = [facts.checkoutRun, facts.executionRun].filter((run) => run?.live === true && run.id !== facts.acting?.id)
    await evict(
      tx,
      issue.id,
      live.map((run) => run?.id ?? ''),
    )
  }
  const lockEpoch = await clear(tx, issue.id)
  if (!hasColumns(facts)) return []
  const runId = other?.id ?? issue.checkoutRunId ?? issue.executionRunId
  const why = plan.isReassigned ? 'reassigned' : 'moved'
  return [lockCleared(issue.id, { runId, why, evicted: other !== null, lockEpoch }, { runId })]
}

async function wakeAssignee(tx: Tx, ctx: Ctx, issue: LockedIssue, plan: Plan): Promise<DomainEvent[]> {
  const { actor } = ctx
  const agentId = plan.assigneeAgentId
  if (agentId === null || plan.status === 'backlog' || onEnter[plan.status].closed) return []
  if (actor.kind === 'agent' && actor.agentId === agentId) return []
  const leavesBacklog = plan.isMoved && issue.status === 'backlog'
  if (!plan.isReassigned && !leavesBacklog) return []
  const reason = plan.isReassigned ? 'issue_assigned' : 'issue_status_changed'
  return await enqueueWake(tx, ctx, { agentId, issueId: issue.id, source: 'assignment', reason })
}

function eventOf(before: LockedIssue, plan: Plan, wanted: PatchIssue, lockEpoch: number, interruptedRunId: string | null): DomainEvent[] {
  const now: Record<string, unknown> = { ...plan.columns }
  if (plan.isMoved) now['status'] = plan.status
  if (plan.assigneeAgentId !== before.assigneeAgentId) now['assigneeAgentId'] = plan.assigneeAgentId
  if (plan.assigneeUserId !== before.assigneeUserId) now['assigneeUserId'] = plan.assigneeUserId
  const sets: Record<string, unknown> = {}
  if (wanted.labelIds !== undefined && wanted.labelIds !== null) sets['labelIds'] = wanted.labelIds
  if (wanted.blockedByIssueIds !== undefined) sets['blockedByIssueIds'] = wanted.blockedByIssueIds
  if (Object.keys(now).length === 0 && Object.keys(sets).length === 0 && interruptedRunId === null) return []
  const previous = Object.fromEntries(Object.keys(now).map((key) => [key, audited(before[key as keyof LockedIssue])]))
  const fields = Object.fromEntries(Object.entries(now).map(([key, value]) => [key, audited(value)]))
  return [
    issueUpdated(before.id, {
      ...fields,
      ...sets,
      identifier: before.identifier,
      lockEpoch,
      _previous: previous,
      ...(plan.reopenedFrom === null ? {} : { reopened: true, reopenedFrom: plan.reopenedFrom, source: 'comment' }),
      ...(interruptedRunId === null ? {} : { interruptedRunId }),
    }),
  ]
}

/** Locks what a patch needs, in the global order: company for the graph, the issue, the run to interrupt. */
async function lockForPatch(tx: Tx, ctx: Ctx, issueId: string, wanted: PatchIssue) {
  if (wanted.blockedByIssueIds !== undefined || typeof wanted.parentId === 'string') await lockCompany(tx, companyOf(ctx))
  // The gate looks at both columns' runs: whichever of them is to end, both are locked here, in the order of their ids.
  const holders = wanted.interrupt === true ? await holdersOf(tx, companyOf(ctx), issueId) : []
  // Whoever waits for this issue to end is woken under its own lock; new blockers are locked, so that none ends unseen.
  const ends = wanted.status !== undefined && onEnter[wanted.status].closed
  const look = async (): Promise<string[]> => (ends ? await waitingFor(tx, companyOf(ctx), issueId) : [])
  const newParent = ends && typeof wanted.parentId === 'string' ? [wanted.parentId] : []
  const neighbours = [...(await look()), ...newParent, ...(wanted.blockedByIssueIds ?? [])]
  const locked = await lockForEnd(tx, ctx, holders, [issueId, ...neighbours])
  if ((await look()).some((id) => !neighbours.includes(id))) throw startOver()
  const issue = locked.issues.find((row) => row.id === issueId)
  if (issue === undefined) throw notFound('Issue')
  if (wanted.interrupt === true && namedRuns(issue).some((runId) => !holders.includes(runId))) throw startOver()
  return { locked, issue }
}

async function interrupt(tx: Tx, locked: Locked, runId: string): Promise<DomainEvent[]> {
  const issueIds = locked.issues.filter((row) => namedRuns(row).includes(runId)).map((row) => row.id)
  const ended = await endRuns(tx, locked, [runId], { status: 'cancelled', error: 'Interrupted by the board', errorCode: 'cancelled' })
  return [
    ...ended.events,
    ...ended.runs.map((run) => runCancelled(run.id, { agentId: run.agentId, issueIds }, { agentId: run.agentId, runId: run.id })),
  ]
}

export interface Patched {
  readonly comment: CommentRow | null
  readonly events: readonly DomainEvent[]
}

/**
 * (tx) Changes an issue, and comments on it in the same transaction if asked. Moving it out of `in_progress` or giving
 * it to another ends the hold; moving one's own issue into `in_progress` takes it.
 *
 * @param expected what the client has seen: entity tag and lock epoch
 * @throws Refusal of the gate (lock-protocol §4.2, §4.4), of references, and of assignees
 */
export async function patchIssue(tx: Tx, ctx: Ctx, issueId: string, wanted: PatchIssue, expected: Expected): Promise<Patched> {
  if (wanted.interrupt === true) {
    if (ctx.actor.kind !== 'board') refuse('board_required')
    if (wanted.comment === undefined) refuse('bad_request', { message: 'interrupt needs a comment' })
  }
  const { locked, issue } = await lockForPatch(tx, ctx, issueId, wanted)
  const { facts, events: gateEvents } = await passGate(tx, ctx, issue, expected)
  const before = facts.issue
  const runId = wanted.interrupt === true ? (otherLiveHolder(facts)?.id ?? null) : null
  const plan = planOf(before, wanted, ctx)
  await demandLegal(tx, ctx, before, wanted, plan)

  const events: DomainEvent[] = [...gateEvents]
  if (runId !== null) events.push(...(await interrupt(tx, locked, runId)))
  const { actor } = ctx
  const entersProgress = plan.isMoved && plan.status === 'in_progress'
  // Giving oneself an issue that is in progress is no other way around holding it.
  const becomesOwn = entersProgress || (plan.isReassigned && plan.status === 'in_progress')
  const byOwnHand = becomesOwn && actor.kind === 'agent' && plan.assigneeAgentId === actor.agentId
  if (entersProgress && !byOwnHand) await demandUnblocked(tx, issueId)

  const isVoid = plan.isReassigned || (plan.isMoved && before.status === 'in_progress')
  const isStale = entersProgress && !byOwnHand && hasColumns(facts)
  if (isVoid || isStale) events.push(...(await voidHold(tx, facts, plan)))

  const { status, startedAt, ...rest } = rowOf(before, plan, ctx)
  // Taking the hold moves the status itself, and decides on the one it finds.
  const row = byOwnHand ? rest : { ...rest, ...(status === undefined ? {} : { status }), ...(startedAt === undefined ? {} : { startedAt }) }
  // Labels and blockers are part of what an entity tag stands for, so changing them counts as a change of the row.
  if (Object.keys(row).length > 1 || wanted.labelIds || wanted.blockedByIssueIds)
    await tx
      .update(issues)
      .set(row)
      .where(sql`${issues.id} = ${issueId}`)
  if (wanted.labelIds) await setLabels(tx, issueId, wanted.labelIds)
  const wasBlocked = wanted.blockedByIssueIds ? await isBlocked(tx, issueId) : false
  const linked = wanted.blockedByIssueIds ? await replaceBlockersOf(tx, before, wanted.blockedByIssueIds) : []
  if (byOwnHand) events.push(...(await takeByOwnHand(tx, ctx, await relock(tx, ctx, issueId), actor.agentId)))
  if (isVoid || isStale || runId !== null) events.push(...(await promoteWake(tx, issueId)))
  events.push(...(await wakeAssignee(tx, ctx, before, plan)))
  if (linked.length > 0 && wasBlocked) events.push(...(await wakeUnblocked(tx, ctx, [issueId])))
  if (plan.isMoved) events.push(...(await wakeDependents(tx, ctx, issueId, before.status, plan.status)))

  const after = await relock(tx, ctx, issueId)
  events.push(...eventOf(before, plan, wanted, after.lockEpoch, runId), ...linked)
  if (wanted.comment === undefined) return { comment: null, events }
  const said = await say(tx, ctx, after, wanted.comment, plan.reopenedFrom)
  return { comment: said.comment, events: [...events, said.event, ...said.effects] }
}

/** Reads the issue again, under the lock that is already held. */
async function relock(tx: Tx, ctx: Ctx, issueId: string): Promise<LockedIssue> {
  const {
    issues: [issue],
  } = await lockForEnd(tx, ctx, [], [issueId])
  if (issue === undefined) throw notFound('Issue')
  return issue
}
