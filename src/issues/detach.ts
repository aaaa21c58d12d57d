import { sql } from 'drizzle-orm'
import { lockCompany } from '../companies/index.ts'
import type { Ctx } from '../db/context.ts'
import { companyOf } from '../db/context.ts'
import { changed, mutate } from '../db/mutate.ts'
import type { Tx } from '../db/mutate.ts'
import { issueLabels, issues } from '../db/schema/issues.ts'
import { workProducts } from '../db/schema/workProducts.ts'
import { param, statement } from '../db/statement.ts'
import type { Statement } from '../db/statement.ts'
import { eraseGoal, goalDeleted, lockGoalForErase } from '../goals/index.ts'
import type { GoalRow } from '../goals/index.ts'
import { lockIssues } from '../holds/index.ts'
import { actingRun } from '../kernel/actor.ts'
import { refuse } from '../kernel/errors.ts'
import { eraseLabel, labelDeleted, lockLabelForErase } from '../labels/index.ts'
import type { LabelRow } from '../labels/index.ts'
import { dropGoal, eraseProject, lockProjectForErase, projectDeleted } from '../projects/index.ts'
import type { ProjectView } from '../projects/index.ts'
import { judgeActingRun } from '../runs/index.ts'

/** Issues changed by one deletion; their locks are held together, so their number is bounded. */
const MOST_ISSUES = 5000

type IssuesOf = Statement<{ id: string; companyId: string; limit: number }, { id: string }, 'read'>

const ofGoal: IssuesOf = statement<{ id: string; companyId: string; limit: number }, { id: string }>('detach_issues_of_goal').read(sql`
  select id from ${issues} where goal_id = ${param('id')} and company_id = ${param('companyId')} limit ${param('limit')}`)
const ofProject: IssuesOf = statement<{ id: string; companyId: string; limit: number }, { id: string }>('detach_issues_of_project')
  .read(sql`
  select id from ${issues} where project_id = ${param('id')} and company_id = ${param('companyId')}
  union select issue_id from ${workProducts} where project_id = ${param('id')} and company_id = ${param('companyId')} limit ${param('limit')}`)
const ofLabel: IssuesOf = statement<{ id: string; companyId: string; limit: number }, { id: string }>('detach_issues_of_label').read(sql`
  select i.id from ${issueLabels} il join ${issues} i on i.id = il.issue_id
  where il.label_id = ${param('id')} and i.company_id = ${param('companyId')} limit ${param('limit')}`)

/**
 * (tx) Locks the issues that a deletion will change through a foreign key, which by itself would lock them in no
 * particular order. An agent may not change what another one has in hand (I4), and judging its run comes last.
 *
 * @returns the ids of the issues
 * @throws Refusal `checked_out_by_other` for an agent; `unprocessable` when there are too many
 */
async function lockTouched(tx: Tx, ctx: Ctx, of: IssuesOf, id: string): Promise<string[]> {
  const companyId = companyOf(ctx)
  const rows = await tx.run(of, { id, companyId, limit: MOST_ISSUES + 1 })
  if (rows.length > MOST_ISSUES) refuse('unprocessable', { message: `More than ${MOST_ISSUES} issues refer to it; move them first` })
  const locked = await lockIssues(
    tx,
    companyId,
    rows.map((row) => row.id),
  )
  const { actor } = ctx
  if (actor.kind === 'agent') {
    const runId = actingRun(actor)
    const isMine = (held: string | null): boolean => held !== null && held === runId
    const inHand = locked.filter((issue) => issue.status === 'in_progress' && !isMine(issue.checkoutRunId) && !isMine(issue.executionRunId))
    if (inHand.length > 0) refuse('checked_out_by_other', { details: { issueIds: inHand.slice(0, 20).map((issue) => issue.id) } })
  }
  await judgeActingRun(tx, ctx)
  return locked.map((issue) => issue.id)
}

// No foreign key does this: a workspace goes with its project, and an issue may name one.
const leaveWorkspaces = statement<{ ids: string[] }, never>('detach_workspaces').write(sql`
  update ${issues} set project_workspace_id = null where id = any(${param('ids', 'uuid[]')}) and project_workspace_id is not null`)

// An entity tag stands for labels and work products too, so a label taken off, or a project taken away from a work
// product, counts as a change of the row, by its trigger.
const countChange = statement<{ ids: string[] }, never>('detach_count').write(sql`
  update ${issues} set version = version where id = any(${param('ids', 'uuid[]')})`)

/** Deletes a goal; issues, projects and sub-goals stay without it. @returns the goal as it was */
export async function deleteGoal(ctx: Ctx, id: string): Promise<GoalRow> {
  const companyId = companyOf(ctx)
  return await mutate(ctx, async (tx) => {
    await lockCompany(tx, companyId)
    const was = await lockGoalForErase(tx, companyId, id)
    const touched = await lockTouched(tx, ctx, ofGoal, id)
    const projects = await dropGoal(tx, id)
    const children = await eraseGoal(tx, id)
    const { title, level, status } = was
    return changed(was, goalDeleted(id, { title, level, status, issues: touched.length, projects, children }))
  })
}

/** Deletes a project and its workspaces; its issues stay without it. @returns the project as it was */
export async function deleteProject(ctx: Ctx, id: string): Promise<ProjectView> {
  return await mutate(ctx, async (tx) => {
    await lockCompany(tx, companyOf(ctx))
    const was = await lockProjectForErase(tx, ctx, id)
    const touched = await lockTouched(tx, ctx, ofProject, id)
    await tx.run(leaveWorkspaces, { ids: touched })
    await tx.run(countChange, { ids: touched })
    await eraseProject(tx, id)
    const { name, status, workspaces } = was
    return changed(was, projectDeleted(id, { name, status, issues: touched.length, workspaces: workspaces.length }))
  })
}

/** Deletes a label; it comes off every issue. @returns the label as it was */
export async function deleteLabel(ctx: Ctx, id: string): Promise<LabelRow> {
  const companyId = companyOf(ctx)
  return await mutate(ctx, async (tx) => {
    await lockCompany(tx, companyId)
    const was = await lockLabelForErase(tx, companyId, id)
    const touched = await lockTouched(tx, ctx, ofLabel, id)
    await tx.run(countChange, { ids: touched })
    await eraseLabel(tx, id)
    return changed(was, labelDeleted(id, { name: was.name, color: was.color, issues: touched.length }))
  })
}
