import { randomUUID } from 'node:crypto'
import { sql } from 'drizzle-orm'
import { lockCompany, nextIssueNumber } from '../companies/index.ts'
import type { Ctx } from '../db/context.ts'
import { companyOf } from '../db/context.ts'
import { issues } from '../db/schema/issues.ts'
import { changed, mutate } from '../db/mutate.ts'
import type { Tx } from '../db/mutate.ts'
import { lockIssues } from '../holds/index.ts'
import type { IssueWithRelations } from '../holds/index.ts'
import { actingRun } from '../kernel/actor.ts'
import { invariant, refuse } from '../kernel/errors.ts'
import type { DomainEvent } from '../kernel/event.ts'
import { judgeActingRun } from '../runs/index.ts'
import { enqueueWake } from '../wakes/index.ts'
import { issueCreated } from './events.ts'
import { takeByOwnHand } from './progress.ts'
import { goalServed, issueById } from './queries.ts'
import { demandMayAssign, demandReferences } from './references.ts'
import { demandUnblocked, replaceBlockersOf, setLabels } from './relations.ts'
import { onEnter } from './status.ts'
import type { CreateIssue } from './views.ts'

export interface Inserted {
  readonly id: string
  readonly identifier: string
  /** What happened; the first is the creation itself. */
  readonly events: [DomainEvent, ...DomainEvent[]]
}

/** Ways to insert an issue that no request can choose. */
export interface InsertOptions {
  /** Nobody is woken: what is brought in starts nothing by itself. */
  readonly quietly: boolean
}

/**
 * (tx) Inserts an issue under the next number of its company and wakes whoever it is assigned to. Takes the company's
 * lock first: the counter is what keeps identifiers without gaps.
 *
 * @throws Refusal for an assignee the caller may not choose and for references that are not there
 */
export async function insertIssue(tx: Tx, ctx: Ctx, wanted: CreateIssue, options?: InsertOptions): Promise<Inserted> {
  const { actor } = ctx
  const companyId = companyOf(ctx)
  const agentId = wanted.assigneeAgentId ?? null
  const userId = wanted.assigneeUserId ?? null
  if (agentId !== null && userId !== null) refuse('assignee_conflict')
  if (onEnter[wanted.status].lock === 'may_hold' && agentId === null && userId === null) refuse('assignee_needed')

  const company = await lockCompany(tx, companyId)
  if (company.status === 'archived') refuse('company_not_active', { message: 'Company is archived' })
  if (agentId !== null || userId !== null) await demandMayAssign(tx, ctx)
  await demandReferences(tx, ctx, wanted)
  const { issueNumber, issuePrefix } = await nextIssueNumber(tx, companyId)

  const byOwnHand = wanted.status === 'in_progress' && actor.kind === 'agent' && agentId === actor.agentId
  const status = byOwnHand ? 'todo' : wanted.status
  const identifier = `${issuePrefix}-${issueNumber}`
  const id = randomUUID()
  await tx.insert(issues).values({
    id,
    companyId,
    issueNumber,
    identifier,
    title: wanted.title,
    description: wanted.description ?? null,
    status,
    priority: wanted.priority ?? 'medium',
    projectId: wanted.projectId ?? null,
    projectWorkspaceId: wanted.projectWorkspaceId ?? null,
    goalId: goalServed(sql`${wanted.goalId ?? null}::uuid`, sql`${wanted.projectId ?? null}::uuid`, sql`${companyId}::uuid`),
    parentId: wanted.parentId ?? null,
    assigneeAgentId: agentId,
    assigneeUserId: userId,
    requestDepth: wanted.requestDepth ?? 0,
    billingCode: wanted.billingCode ?? null,
    assigneeAdapterOverrides: wanted.assigneeAdapterOverrides ?? null,
    createdByAgentId: actor.kind === 'agent' ? actor.agentId : null,
    createdByUserId: actor.kind === 'board' ? actor.userId : null,
    originRunId: actingRun(actor),
    startedAt: status === 'in_progress' ? sql`now()` : null,
    completedAt: status === 'done' ? sql`now()` : null,
    cancelledAt: status === 'cancelled' ? sql`now()` : null,
  })
  if (wanted.labelIds && wanted.labelIds.length > 0) await setLabels(tx, id, wanted.labelIds)
  // The new row is nobody else's to see and needs no lock, so any number of issues can be inserted in one transaction;
  // its blockers do, or one of them could be done meanwhile and find nobody to wake.
  const blockerIds = wanted.blockedByIssueIds ?? []
  const locked = byOwnHand || blockerIds.length > 0 ? await lockIssues(tx, companyId, [id, ...blockerIds]) : []
  const linked = blockerIds.length > 0 ? await replaceBlockersOf(tx, { id, identifier }, blockerIds) : []
  if (status === 'in_progress') await demandUnblocked(tx, id)
  const taken: DomainEvent[] = []
  if (byOwnHand) {
    const own = locked.find((issue) => issue.id === id)
    invariant(own !== undefined, 'what was just inserted is there')
    taken.push(...(await takeByOwnHand(tx, ctx, own, actor.agentId)))
  }
  await judgeActingRun(tx, ctx)
  const wakes = options?.quietly !== true && agentId !== null && !onEnter[status].closed && status !== 'backlog'
  if (wakes && !(actor.kind === 'agent' && actor.agentId === agentId)) {
    await enqueueWake(tx, ctx, { agentId, issueId: id, source: 'assignment', reason: 'issue_assigned' })
  }
  const created = issueCreated(id, {
    title: wanted.title,
    identifier,
    status: wanted.status,
    assigneeAgentId: agentId,
    assigneeUserId: userId,
  })
  return { id, identifier, events: [created, ...linked, ...taken] }
}

/** Creates an issue. @throws Refusal as `insertIssue` */
export async function createIssue(ctx: Ctx, wanted: CreateIssue): Promise<IssueWithRelations> {
  return await mutate(ctx, async (tx) => {
    const { id, events } = await insertIssue(tx, ctx, wanted)
    return changed(await issueById(tx, companyOf(ctx), id), ...events)
  })
}
