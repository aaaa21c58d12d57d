import { eq, sql } from 'drizzle-orm'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { issues } from '../../model/issues.ts'
import { runs } from '../../model/runs.ts'
import { changed, mutate } from '../../platform/db/mutate.ts'
import { param, statement } from '../../platform/db/statement.ts'
import { endRuns, loadHolderRunIds, lockForEnd, holderRunIds, checkWriteGate, retryTransaction } from '../../engine/holds/index.ts'
import type { Expected, IssueWithRelations } from '../../engine/holds/index.ts'
import { actingRunIdOf } from '../../platform/kernel/actor.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { dependentsOf, wakeParentOfDeleted, wakeUnblocked } from './dependents.ts'
import { issueDeleted } from './events.ts'
import { issueById } from './queries.ts'
import { isClosed } from '../../model/issueStatus.ts'

const selectChildren = statement<{ id: string }, { id: string }>('issue_children').read(
  sql`select id from ${issues} where parent_id = ${param('id')}`,
)

const selectQueuedRuns = statement<{ id: string; companyId: string }, { id: string }>('issue_queued_runs').read(sql`
  select id from ${runs} where issue_id = ${param('id')} and company_id = ${param('companyId')} and status = 'queued'`)

/**
 * Locks the issue and every row that its deletion touches: the children, whose parent a foreign key would otherwise clear
 * in no particular order; the dependents, which may be woken; and the queued runs of the issue, which are cancelled.
 */
async function lockForDelete(tx: Tx, ctx: Ctx, id: string) {
  const companyId = companyOf(ctx)
  const [dependentIds, children, queued, holders] = await Promise.all([
    dependentsOf(tx, companyId, id),
    tx.run(selectChildren, { id }),
    tx.run(selectQueuedRuns, { id, companyId }),
    loadHolderRunIds(tx, companyId, id),
  ])
  const queuedIds = queued.map((row) => row.id)
  const childIds = children.map((row) => row.id)
  // The write gate locks the acting run and the holders, whose ids may come before those of the queued runs.
  const gateRunIds = [actingRunIdOf(ctx.actor), ...holders].filter((runId) => runId !== null)
  const locked = await lockForEnd(tx, ctx, queuedIds, { issueIds: [id, ...childIds, ...dependentIds], runIds: gateRunIds })
  const lockedIds = new Set(locked.issues.map((issue) => issue.id))
  const affectedIds = [...(await tx.run(selectChildren, { id })).map((row) => row.id), ...(await dependentsOf(tx, companyId, id))]
  if (affectedIds.some((issueId) => !lockedIds.has(issueId))) throw retryTransaction()
  const issue = locked.issues.find((row) => row.id === id)
  if (issue === undefined) refuse('not_found', { message: 'Issue not found' })
  if (holderRunIds(issue).some((runId) => !holders.includes(runId))) throw retryTransaction()
  return { locked, issue, queuedIds }
}

/**
 * Deletes an issue with its comments, labels, relations and waiting wakes. Its children stay without a parent, and its
 * audit rows stay. A run that held it continues without the hold.
 *
 * @returns the issue before the deletion
 * @throws Refusal of the write gate (LOCK_PROTOCOL §4.2)
 */
export async function deleteIssue(ctx: Ctx, issueId: string, expected: Expected): Promise<IssueWithRelations> {
  return await mutate(ctx, async (tx) => {
    const { locked, issue, queuedIds } = await lockForDelete(tx, ctx, issueId)
    const { events } = await checkWriteGate(tx, ctx, issue, expected)
    const before = await issueById(tx, companyOf(ctx), issueId)
    const remaining = { ...locked, issues: locked.issues.filter((row) => row.id !== issueId) }
    const ended = await endRuns(tx, remaining, queuedIds, {
      status: 'cancelled',
      error: 'Its issue was deleted',
      errorCode: 'issue_deleted',
    })
    await tx.delete(issues).where(eq(issues.id, issueId))
    const dependentsBlocked = before.blocks.map(({ id }) => id).filter((id) => remaining.issues.some((row) => row.id === id))
    const unblocked = isClosed(before.status) ? [] : await wakeUnblocked(tx, ctx, dependentsBlocked)
    const wasLastChild = before.parentId !== null && !isClosed(before.status)
    const completed = wasLastChild ? await wakeParentOfDeleted(tx, ctx, before.parentId) : []
    const deleted = issueDeleted(issueId, {
      identifier: before.identifier,
      title: before.title,
      status: before.status,
      checkoutRunId: before.checkoutRunId,
      executionRunId: before.executionRunId,
    })
    return changed(before, deleted, ...events, ...ended.events, ...unblocked, ...completed)
  })
}
