import { randomUUID } from 'node:crypto'
import { drawIssueNumber, identifierOf, shareUnarchivedCompany } from '../../org/companies/index.ts'
import type { IssueNumber } from '../../org/companies/index.ts'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { changed, mutate, pipelined } from '../../platform/db/mutate.ts'
import { lockIssues } from '../../engine/holds/index.ts'
import type { IssueWithRelations } from '../../engine/holds/index.ts'
import { invariant, refuse } from '../../platform/kernel/errors.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import { requireActingRun } from '../../auth/runFacts.ts'
import { enqueueWake } from '../../engine/wakes/index.ts'
import { issueCreated } from './events.ts'
import { requireBoardForOverrides } from './hostFields.ts'
import { checkOutOwnIssue } from './selfCheckout.ts'
import { insertIssueRow } from './insertIssueRows.ts'
import type { IssueInput, NewIssue } from './insertIssueRows.ts'
import { issueById } from './queries.ts'
import { requireMayAssign, requireReferences } from './references.ts'
import { isBlocked, requireUnblocked, replaceBlockersOf, setLabels } from './relations.ts'
import { isClosed, onEnter } from '../../model/issueStatus.ts'
import type { CreateIssue } from './views.ts'

export interface InsertedIssue {
  readonly id: string
  readonly identifier: string
  /** The events; the first is the creation itself. */
  readonly events: [DomainEvent, ...DomainEvent[]]
}

/** An issue that was inserted by itself. */
interface CreatedIssue extends InsertedIssue {
  /** The issue, when nothing was written to it after its row; null when it must be read. */
  readonly row: Promise<IssueWithRelations> | null
}

/**
 * (tx) Inserts an issue and wakes its assignee. Shares the company's lock with others that insert.
 *
 * @param number drawn for this issue
 * @throws Refusal for an assignee that the caller may not choose, for missing references, and of the checkout rules when
 *   an agent creates its own issue in progress
 */
export async function insertIssue(tx: Tx, ctx: Ctx, input: IssueInput, number: IssueNumber): Promise<CreatedIssue> {
  const { actor } = ctx
  const companyId = companyOf(ctx)
  const assigneeAgentId = input.assigneeAgentId ?? null
  const assigneeUserId = input.assigneeUserId ?? null
  if (assigneeAgentId !== null && assigneeUserId !== null) refuse('assignee_conflict')
  if (onEnter[input.status].hold === 'may_hold' && assigneeAgentId === null && assigneeUserId === null) refuse('assignee_needed')

  requireBoardForOverrides(actor, input.assigneeAdapterOverrides)
  const company = pipelined(shareUnarchivedCompany(tx, companyId))
  if (assigneeAgentId !== null || assigneeUserId !== null) await requireMayAssign(tx, ctx)
  await requireReferences(tx, ctx, input)

  // An agent that creates its own issue in progress checks it out, and the checkout starts from `todo`.
  const isSelfCheckout = input.status === 'in_progress' && actor.kind === 'agent' && assigneeAgentId === actor.agentId
  const issue = {
    id: randomUUID(),
    identifier: identifierOf(number),
    issueNumber: number.issueNumber,
    status: isSelfCheckout ? 'todo' : input.status,
  } as const
  const inserted = pipelined(insertIssueRow(tx, ctx, { issue, input }))
  // Issues that must be locked are locked before the run.
  const locksIssues = isSelfCheckout || (input.blockedByIssueIds ?? []).length > 0
  const verified = locksIssues ? null : pipelined(requireActingRun(tx, ctx))
  await company
  const relationEvents = await linkAndCheckOut(tx, ctx, issue, { input, selfCheckoutAgentId: isSelfCheckout ? actor.agentId : null })
  await Promise.all([inserted, verified ?? requireActingRun(tx, ctx)])
  await wakeAssignee(tx, ctx, issue, { assigneeAgentId, mayBeBlocked: (input.blockedByIssueIds ?? []).length > 0 })
  const { id, identifier } = issue
  const created = issueCreated(id, { title: input.title, identifier, status: input.status, assigneeAgentId, assigneeUserId })
  const isAsInserted = !locksIssues && (input.labelIds ?? []).length === 0
  return { id, identifier, row: isAsInserted ? inserted : null, events: [created, ...relationEvents] }
}

interface LinkOptions {
  readonly input: CreateIssue
  /** The agent whose acting run takes the hold; null when the issue is not checked out. */
  readonly selfCheckoutAgentId: string | null
}

/** Sets labels and blockers of a new issue, and checks it out if asked. @returns the events of both */
async function linkAndCheckOut(tx: Tx, ctx: Ctx, issue: NewIssue, { input, selfCheckoutAgentId }: LinkOptions): Promise<DomainEvent[]> {
  if (input.labelIds && input.labelIds.length > 0) await setLabels(tx, issue.id, input.labelIds)
  // No other transaction sees the new row, so it needs no lock, and one transaction can insert any number of issues. Its
  // blockers need locks: one of them could be done concurrently and would find no dependent to wake.
  const blockerIds = input.blockedByIssueIds ?? []
  const needsLocks = selfCheckoutAgentId !== null || blockerIds.length > 0
  const locked = needsLocks ? await lockIssues(tx, companyOf(ctx), [issue.id, ...blockerIds]) : []
  const blockerEvents = blockerIds.length > 0 ? await replaceBlockersOf(tx, issue, blockerIds) : []
  if (issue.status === 'in_progress') await requireUnblocked(tx, issue.id)
  if (selfCheckoutAgentId === null) return blockerEvents
  const lockedIssue = locked.find(({ id }) => id === issue.id)
  invariant(lockedIssue !== undefined, 'the inserted issue is there')
  return [...blockerEvents, ...(await checkOutOwnIssue(tx, ctx, lockedIssue, selfCheckoutAgentId))]
}

interface Assignment {
  readonly assigneeAgentId: string | null
  readonly mayBeBlocked: boolean
}

async function wakeAssignee(tx: Tx, ctx: Ctx, { id, status }: NewIssue, assignment: Assignment): Promise<void> {
  const { assigneeAgentId: agentId, mayBeBlocked } = assignment
  if (agentId === null || isClosed(status) || status === 'backlog') return
  if (ctx.actor.kind === 'agent' && ctx.actor.agentId === agentId) return
  // Its run could not take the issue and would be cancelled. The end of the last blocker wakes the assignee.
  if (mayBeBlocked && (await isBlocked(tx, id))) return
  await enqueueWake(tx, ctx, { agentId, issueId: id, source: 'assignment', reason: 'issue_assigned' })
}

/** Creates an issue. @throws Refusal as `insertIssue` */
export async function createIssue(ctx: Ctx, input: CreateIssue): Promise<IssueWithRelations> {
  const companyId = companyOf(ctx)
  const number = await drawIssueNumber(ctx.store, companyId)
  return await mutate(ctx, async (tx) => {
    const { id, row, events } = await insertIssue(tx, ctx, input, number)
    return changed(row ?? issueById(tx, companyId, id), ...events)
  })
}
