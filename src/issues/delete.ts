import { eq, sql } from 'drizzle-orm'
import type { Ctx } from '../db/context.ts'
import { companyOf } from '../db/context.ts'
import { issues } from '../db/schema/issues.ts'
import { runs } from '../db/schema/runs.ts'
import { changed, mutate } from '../db/mutate.ts'
import type { Tx } from '../db/mutate.ts'
import { param, statement } from '../db/statement.ts'
import { endRuns, holdersOf, lockForEnd, namedRuns, passGate, startOver } from '../holds/index.ts'
import type { Expected, IssueWithRelations } from '../holds/index.ts'
import { actingRun } from '../kernel/actor.ts'
import { notFound } from '../kernel/errors.ts'
import { waitingFor, wakeParentOfDeleted, wakeUnblocked } from './dependents.ts'
import { issueDeleted } from './events.ts'
import { issueById } from './queries.ts'
import { onEnter } from './status.ts'

const childrenOf = statement<{ id: string }, { id: string }>('issue_children').read(
  sql`select id from ${issues} where parent_id = ${param('id')}`,
)

const queuedFor = statement<{ id: string; companyId: string }, { id: string }>('issue_queued_runs').read(sql`
  select id from ${runs} where issue_id = ${param('id')} and company_id = ${param('companyId')} and status = 'queued'`)

/**
 * Locks the issue and everything its deletion touches: children lose their parent through a foreign key, which would
 * lock them in no particular order, whoever waited for it to end is woken, and runs that wait to start on it have nothing
 * left to do.
 */
async function lockForDelete(tx: Tx, ctx: Ctx, id: string) {
  const companyId = companyOf(ctx)
  const [waiting, children, queued, holders] = await Promise.all([
    waitingFor(tx, companyId, id),
    tx.run(childrenOf, { id }),
    tx.run(queuedFor, { id, companyId }),
    holdersOf(tx, companyId, id),
  ])
  const queuedIds = queued.map((row) => row.id)
  const childIds = children.map((row) => row.id)
  // The gate looks at the acting run and the holders, whose ids may come before those of the queued ones.
  const judged = [actingRun(ctx.actor), ...holders].filter((runId) => runId !== null)
  const locked = await lockForEnd(tx, ctx, queuedIds, [id, ...childIds, ...waiting], judged)
  const known = new Set(locked.issues.map((issue) => issue.id))
  const touched = [...(await tx.run(childrenOf, { id })).map((row) => row.id), ...(await waitingFor(tx, companyId, id))]
  if (touched.some((issueId) => !known.has(issueId))) throw startOver()
  const issue = locked.issues.find((row) => row.id === id)
  if (issue === undefined) throw notFound('Issue')
  if (namedRuns(issue).some((runId) => !holders.includes(runId))) throw startOver()
  return { locked, issue, queuedIds }
}

/**
 * Deletes an issue, whatever hangs on it: comments, labels, relations and waiting wakes go, children stay without a
 * parent, audit rows stay. A run that held it goes on and holds it no more.
 *
 * @returns the issue as it was
 * @throws Refusal of the gate (lock-protocol §4.2)
 */
export async function deleteIssue(ctx: Ctx, issueId: string, expected: Expected): Promise<IssueWithRelations> {
  return await mutate(ctx, async (tx) => {
    const { locked, issue, queuedIds } = await lockForDelete(tx, ctx, issueId)
    const { events } = await passGate(tx, ctx, issue, expected)
    const was = await issueById(tx, companyOf(ctx), issueId)
    const others = { ...locked, issues: locked.issues.filter((row) => row.id !== issueId) }
    const ended = await endRuns(tx, others, queuedIds, { status: 'cancelled', error: 'Its issue was deleted', errorCode: 'issue_deleted' })
    await tx.delete(issues).where(eq(issues.id, issueId))
    const blocked = was.blocks.map(({ id }) => id).filter((id) => others.issues.some((row) => row.id === id))
    const unblocked = was.status === 'done' ? [] : await wakeUnblocked(tx, ctx, blocked)
    const wasLastChild = was.parentId !== null && !onEnter[was.status].closed
    const completed = wasLastChild ? await wakeParentOfDeleted(tx, ctx, was.parentId) : []
    const deleted = issueDeleted(issueId, {
      identifier: was.identifier,
      title: was.title,
      status: was.status,
      checkoutRunId: was.checkoutRunId,
      executionRunId: was.executionRunId,
    })
    return changed(was, deleted, ...events, ...ended.events, ...unblocked, ...completed)
  })
}
