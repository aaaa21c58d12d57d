import { randomUUID } from 'node:crypto'
import { sql } from 'drizzle-orm'
import { lockCompany, nextIssueNumber } from '../../org/companies/index.ts'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { issues } from '../../model/issues.ts'
import { changed, mutate } from '../../platform/db/mutate.ts'
import { lockIssues } from '../../engine/holds/index.ts'
import type { IssueWithRelations } from '../../engine/holds/index.ts'
import { actingRunIdOf } from '../../platform/kernel/actor.ts'
import { invariant, refuse } from '../../platform/kernel/errors.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import { requireActingRun } from '../../auth/runFacts.ts'
import { enqueueWake } from '../../engine/wakes/index.ts'
import { issueCreated } from './events.ts'
import { checkOutOwnIssue } from './selfCheckout.ts'
import { resolveGoalId, issueById } from './queries.ts'
import { requireMayAssign, requireReferences } from './references.ts'
import { requireUnblocked, replaceBlockersOf, setLabels } from './relations.ts'
import { onEnter } from '../../model/issueStatus.ts'
import type { CreateIssue } from './views.ts'

export interface InsertedIssue {
  readonly id: string
  readonly identifier: string
  /** What happened; the first is the creation itself. */
  readonly events: [DomainEvent, ...DomainEvent[]]
}

/** Ways to insert an issue that no request can choose. */
export interface InsertOptions {
  /** Nobody is woken: what is brought in starts nothing by itself. */
  readonly suppressWakes: boolean
}

/**
 * (tx) Inserts an issue under the next number of its company and wakes whoever it is assigned to. Takes the company's
 * lock first: the counter is what keeps identifiers without gaps.
 *
 * @throws Refusal for an assignee the caller may not choose and for references that are not there
 */
export async function insertIssue(tx: Tx, ctx: Ctx, input: CreateIssue, options?: InsertOptions): Promise<InsertedIssue> {
  const { actor } = ctx
  const companyId = companyOf(ctx)
  const agentId = input.assigneeAgentId ?? null
  const userId = input.assigneeUserId ?? null
  if (agentId !== null && userId !== null) refuse('assignee_conflict')
  if (onEnter[input.status].hold === 'may_hold' && agentId === null && userId === null) refuse('assignee_needed')

  const company = await lockCompany(tx, companyId)
  if (company.status === 'archived') refuse('company_not_active', { message: 'Company is archived' })
  if (agentId !== null || userId !== null) await requireMayAssign(tx, ctx)
  await requireReferences(tx, ctx, input)
  const { issueNumber, issuePrefix } = await nextIssueNumber(tx, companyId)

  const isSelfCheckout = input.status === 'in_progress' && actor.kind === 'agent' && agentId === actor.agentId
  const status = isSelfCheckout ? 'todo' : input.status
  const identifier = `${issuePrefix}-${issueNumber}`
  const id = randomUUID()
  await tx.insert(issues).values({
    id,
    companyId,
    issueNumber,
    identifier,
    title: input.title,
    description: input.description ?? null,
    status,
    priority: input.priority ?? 'medium',
    projectId: input.projectId ?? null,
    projectWorkspaceId: input.projectWorkspaceId ?? null,
    goalId: resolveGoalId(sql`${input.goalId ?? null}::uuid`, sql`${input.projectId ?? null}::uuid`, sql`${companyId}::uuid`),
    parentId: input.parentId ?? null,
    assigneeAgentId: agentId,
    assigneeUserId: userId,
    requestDepth: input.requestDepth ?? 0,
    billingCode: input.billingCode ?? null,
    assigneeAdapterOverrides: input.assigneeAdapterOverrides ?? null,
    createdByAgentId: actor.kind === 'agent' ? actor.agentId : null,
    createdByUserId: actor.kind === 'board' ? actor.userId : null,
    originRunId: actingRunIdOf(actor),
    startedAt: status === 'in_progress' ? sql`now()` : null,
    completedAt: status === 'done' ? sql`now()` : null,
    cancelledAt: status === 'cancelled' ? sql`now()` : null,
  })
  if (input.labelIds && input.labelIds.length > 0) await setLabels(tx, id, input.labelIds)
  // The new row is nobody else's to see and needs no lock, so any number of issues can be inserted in one transaction;
  // its blockers do, or one of them could be done meanwhile and find nobody to wake.
  const blockerIds = input.blockedByIssueIds ?? []
  const locked = isSelfCheckout || blockerIds.length > 0 ? await lockIssues(tx, companyId, [id, ...blockerIds]) : []
  const blockerEvents = blockerIds.length > 0 ? await replaceBlockersOf(tx, { id, identifier }, blockerIds) : []
  if (status === 'in_progress') await requireUnblocked(tx, id)
  const checkoutEvents: DomainEvent[] = []
  if (isSelfCheckout) {
    const insertedIssue = locked.find((issue) => issue.id === id)
    invariant(insertedIssue !== undefined, 'what was just inserted is there')
    checkoutEvents.push(...(await checkOutOwnIssue(tx, ctx, insertedIssue, actor.agentId)))
  }
  await requireActingRun(tx, ctx)
  const shouldWake = options?.suppressWakes !== true && agentId !== null && !onEnter[status].closed && status !== 'backlog'
  if (shouldWake && !(actor.kind === 'agent' && actor.agentId === agentId)) {
    await enqueueWake(tx, ctx, { agentId, issueId: id, source: 'assignment', reason: 'issue_assigned' })
  }
  const created = issueCreated(id, {
    title: input.title,
    identifier,
    status: input.status,
    assigneeAgentId: agentId,
    assigneeUserId: userId,
  })
  return { id, identifier, events: [created, ...blockerEvents, ...checkoutEvents] }
}

/** Creates an issue. @throws Refusal as `insertIssue` */
export async function createIssue(ctx: Ctx, input: CreateIssue): Promise<IssueWithRelations> {
  return await mutate(ctx, async (tx) => {
    const { id, events } = await insertIssue(tx, ctx, input)
    return changed(await issueById(tx, companyOf(ctx), id), ...events)
  })
}
