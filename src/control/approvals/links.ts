import { sql } from 'drizzle-orm'
import type { z } from 'zod'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { changed, mutate, changedIfAny } from '../../platform/db/mutate.ts'
import { approvals, issueApprovals } from '../../model/approvals.ts'
import { issues } from '../../model/issues.ts'
import { byCreation, keyset, withinBytes } from '../../platform/db/keyset.ts'
import type { KeysetParams, PageRequest } from '../../platform/db/keyset.ts'
import { dynamicRead, param, statement } from '../../platform/db/statement.ts'
import { lockIssues, lockThroughWriteGate, checkWriteGate } from '../../engine/holds/index.ts'
import type { Expected } from '../../engine/holds/index.ts'
import { requireIssue } from '../../work/issues/index.ts'
import { actingRunIdOf } from '../../platform/kernel/actor.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { mapPage, PAGE_BYTES } from '../../platform/kernel/page.ts'
import type { Page } from '../../platform/kernel/page.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import { requireActingRun, lockRunFacts } from '../../auth/runFacts.ts'
import { approvalLinked, approvalUnlinked } from './events.ts'
import { presentApproval } from './present.ts'
import { approvalColumns, approvalById, lockApproval } from './row.ts'
import type { ApprovalRow, ApprovalView } from './row.ts'
import type { linkedIssueView } from './views.ts'

const newestFirst = byCreation('desc', '"approvals"')

const selectApprovals = dynamicRead<KeysetParams & { issueId: string; companyId: string }, ApprovalRow>('issue_approvals')

/** Approvals that an issue is linked to, newest first. @throws Refusal `not_found`, `malformed_cursor` */
export async function listApprovalsOfIssue(ctx: Ctx, issueId: string, request: PageRequest): Promise<Page<ApprovalView>> {
  await requireIssue(ctx.store.read, companyOf(ctx), issueId)
  const page = newestFirst.page(request)
  const query = selectApprovals(
    String(page.hasCursor),
    () => sql`
      select ${approvalColumns} from ${approvals} join ${issueApprovals} l on l.approval_id = "approvals"."id"
      where l.issue_id = ${param('issueId')} and "approvals"."company_id" = ${param('companyId')} ${page.andAfterCursor}
      order by ${newestFirst.orderBy} limit ${param('limit', 'int')}`,
  )
  const rows = await page.read(ctx.store.read, query, { issueId, companyId: companyOf(ctx), ...page.params })
  return await mapPage(rows, (row) => presentApproval(ctx.actor, row))
}

/** Approvals in the answer of a new link; the list has all of them. */
const MAX_LINKS = 1000

const selectNewest = statement<{ issueId: string; companyId: string }, ApprovalRow & { bytesBefore: number }>(
  'issue_approvals_newest',
).read(
  withinBytes({
    select: sql`select ${approvalColumns} from ${approvals} join ${issueApprovals} l on l.approval_id = "approvals"."id"
        where l.issue_id = ${param('issueId')} and "approvals"."company_id" = ${param('companyId')}
        order by "approvals"."created_at" desc, "approvals"."id" desc limit ${sql.raw(String(MAX_LINKS))}`,
    orderBy: sql`"createdAt" desc, id desc`,
    size: sql`octet_length(rows.payload::text)`,
    maxBytes: PAGE_BYTES / 2,
  }),
)

/** (tx) The newest approvals that an issue is linked to, as many as fit into an answer. */
const newestApprovalsOf = async (tx: Tx, ctx: Ctx, issueId: string): Promise<ApprovalView[]> =>
  (await tx.run(selectNewest, { issueId, companyId: companyOf(ctx) })).map(({ bytesBefore: _, ...row }) => presentApproval(ctx.actor, row))

type LinkedIssue = z.input<typeof linkedIssueView>

const byLink = keyset('asc', [
  { field: 'linkedAt', column: 'l.created_at', type: 'timestamptz' },
  { field: 'id', column: 'i.id', type: 'uuid' },
])

const selectIssues = dynamicRead<KeysetParams & { approvalId: string; companyId: string }, LinkedIssue & { linkedAt: string }>(
  'approval_issues',
)

/** Issues that an approval is linked to, in the order of linking. @throws Refusal `not_found`, `malformed_cursor` */
export async function listIssuesOfApproval(ctx: Ctx, approvalId: string, request: PageRequest): Promise<Page<LinkedIssue>> {
  await approvalById(ctx.store.read, companyOf(ctx), approvalId)
  const page = byLink.page(request)
  const query = selectIssues(
    String(page.hasCursor),
    () => sql`
      select i.id, i.company_id as "companyId", i.project_id as "projectId", i.goal_id as "goalId", i.parent_id as "parentId", i.title,
        i.description, i.status, i.priority, i.assignee_agent_id as "assigneeAgentId", i.created_by_agent_id as "createdByAgentId",
        i.created_by_user_id as "createdByUserId", i.issue_number as "issueNumber", i.identifier, i.request_depth as "requestDepth",
        i.billing_code as "billingCode", i.started_at as "startedAt", i.completed_at as "completedAt", i.cancelled_at as "cancelledAt",
        i.hidden_at as "hiddenAt", i.created_at as "createdAt", i.updated_at as "updatedAt", l.created_at as "linkedAt"
      from ${issues} i join ${issueApprovals} l on l.issue_id = i.id
      where l.approval_id = ${param('approvalId')} and i.company_id = ${param('companyId')} ${page.andAfterCursor}
      order by ${byLink.orderBy} limit ${param('limit', 'int')}`,
  )
  const rows = await page.read(ctx.store.read, query, { approvalId, companyId: companyOf(ctx), ...page.params })
  return await mapPage(rows, ({ linkedAt: _, ...row }) => row)
}

const insertLinks = statement<{ approvalId: string; issueIds: string[] }, { issueId: string }>('approval_link').write(sql`
  insert into ${issueApprovals} (approval_id, issue_id)
  select ${param('approvalId', 'uuid')}, id from unnest(${param('issueIds', 'uuid[]')}) as given (id) order by id
  on conflict do nothing returning issue_id as "issueId"`)

const removeLink = statement<{ approvalId: string; issueId: string }, { issueId: string }>('approval_unlink').write(sql`
  delete from ${issueApprovals} where approval_id = ${param('approvalId')} and issue_id = ${param('issueId')} returning issue_id as "issueId"`)

const noPreconditions: Expected = { ifMatch: null, lockEpoch: null }

/**
 * (tx) Locks the issues of a new approval and checks the write gate of each, because a link is a write to its issue
 * (LOCK_PROTOCOL §4.2). The runs of all gates are locked at once, because ids decide the order of locks. Verifies the
 * acting run, also without issues. Call it before the approval is inserted: the foreign key of the approval would keep
 * the company locked while this waits.
 *
 * @returns the events of the gates
 * @throws Refusal `unknown_reference` for an issue that is not in the company; those of the write gate
 */
export async function checkWriteGates(tx: Tx, ctx: Ctx, issueIds: readonly string[]): Promise<DomainEvent[]> {
  const companyId = companyOf(ctx)
  const uniqueIssueIds = [...new Set(issueIds)]
  const locked = await lockIssues(tx, companyId, uniqueIssueIds)
  if (locked.length !== uniqueIssueIds.length) refuse('unknown_reference', { message: 'One or more issues are invalid for this company' })
  const runIds = [actingRunIdOf(ctx.actor), ...locked.flatMap((issue) => [issue.checkoutRunId, issue.executionRunId])]
  const presentRunIds = [...new Set(runIds)].filter((id) => id !== null)
  if (presentRunIds.length > 0) await lockRunFacts(tx, companyId, presentRunIds)
  const events: DomainEvent[] = []
  for (const issue of locked) events.push(...(await checkWriteGate(tx, ctx, issue, noPreconditions)).events)
  await requireActingRun(tx, ctx)
  return events
}

/** (tx) Links an approval to issues whose write gates were checked. */
export const addLinks = async (tx: Tx, approvalId: string, issueIds: readonly string[]): Promise<void> => {
  if (issueIds.length > 0) await tx.run(insertLinks, { approvalId, issueIds: [...new Set(issueIds)] })
}

/**
 * Links an approval to an issue; a repeated link changes nothing.
 * @returns the approvals of the issue
 * @throws Refusal `not_found` for the approval or the issue; those of the write gate
 */
export async function linkApproval(ctx: Ctx, issueId: string, approvalId: string, expected: Expected): Promise<ApprovalView[]> {
  const companyId = companyOf(ctx)
  return await mutate(ctx, async (tx) => {
    await lockApproval(tx, companyId, approvalId)
    const { events } = await lockThroughWriteGate(tx, ctx, issueId, expected)
    const linked = await tx.run(selectLink, { approvalId, issueId })
    if (linked.length > 0) return changedIfAny(await newestApprovalsOf(tx, ctx, issueId), events)
    await addLinks(tx, approvalId, [issueId])
    return changed(await newestApprovalsOf(tx, ctx, issueId), approvalLinked(issueId, { approvalId }), ...events)
  })
}

const selectLink = statement<{ approvalId: string; issueId: string }, { issueId: string }>('approval_link_read').read(sql`
  select issue_id as "issueId" from ${issueApprovals} where approval_id = ${param('approvalId')} and issue_id = ${param('issueId')}`)

/** Removes the link of an approval to an issue; without a link it changes nothing. @throws Refusal those of `linkApproval` */
export async function unlinkApproval(ctx: Ctx, issueId: string, approvalId: string, expected: Expected): Promise<{ ok: true }> {
  const companyId = companyOf(ctx)
  return await mutate(ctx, async (tx) => {
    await lockApproval(tx, companyId, approvalId)
    const { events } = await lockThroughWriteGate(tx, ctx, issueId, expected)
    const linked = await tx.run(selectLink, { approvalId, issueId })
    if (linked.length === 0) return changedIfAny({ ok: true as const }, events)
    await tx.run(removeLink, { approvalId, issueId })
    return changed({ ok: true as const }, approvalUnlinked(issueId, { approvalId }), ...events)
  })
}
