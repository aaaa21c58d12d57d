import { sql } from 'drizzle-orm'
import { lockCompany } from '../../org/companies/index.ts'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { stopRoutinesOfProject } from '../routines/index.ts'
import { changed, mutate } from '../../platform/db/mutate.ts'
import { issueLabels, issues } from '../../model/issues.ts'
import { workProducts } from '../../model/workProducts.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { Statement } from '../../platform/db/statement.ts'
import { deleteGoalRow, goalDeleted, lockGoalForDelete } from '../../org/goals/index.ts'
import type { GoalRow } from '../../org/goals/index.ts'
import { requireMayTakeOutOf } from '../../engine/budgets/index.ts'
import { lockIssues } from '../../engine/holds/index.ts'
import { actingRunIdOf } from '../../platform/kernel/actor.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { deleteLabelRow, labelDeleted, lockLabelForDelete } from '../../org/labels/index.ts'
import type { LabelRow } from '../../org/labels/index.ts'
import { removeGoalFromProjects, deleteProjectRow, lockProjectForDelete, projectDeleted } from '../../org/projects/index.ts'
import type { ProjectView } from '../../org/projects/index.ts'
import { requireActingRun } from '../../auth/runFacts.ts'
import { cancelOverridesOf } from './endRequests.ts'

/** The most issues that one deletion changes. Their locks are held together, so their number is limited. */
const MAX_ISSUES = 5000

type IssuesOf = Statement<{ id: string; companyId: string; limit: number }, { id: string }, 'read'>

const issuesOfGoal: IssuesOf = statement<{ id: string; companyId: string; limit: number }, { id: string }>('detach_issues_of_goal')
  .read(sql`
  select id from ${issues} where goal_id = ${param('id')} and company_id = ${param('companyId')} limit ${param('limit')}`)
const issuesOfProject: IssuesOf = statement<{ id: string; companyId: string; limit: number }, { id: string }>('detach_issues_of_project')
  .read(sql`
  select id from ${issues} where project_id = ${param('id')} and company_id = ${param('companyId')}
  union select issue_id from ${workProducts} where project_id = ${param('id')} and company_id = ${param('companyId')} limit ${param('limit')}`)
const issuesOfLabel: IssuesOf = statement<{ id: string; companyId: string; limit: number }, { id: string }>('detach_issues_of_label')
  .read(sql`
  select i.id from ${issueLabels} il join ${issues} i on i.id = il.issue_id
  where il.label_id = ${param('id')} and i.company_id = ${param('companyId')} limit ${param('limit')}`)

/**
 * (tx) Locks the issues that a deletion will change through a foreign key, because the foreign key itself would lock
 * them in no particular order (I13). An agent may not change an issue that another run works on (I4). The acting run is
 * verified last, because runs are locked after issues.
 *
 * @returns the ids of the issues
 * @throws Refusal `checked_out_by_other` for an agent; `unprocessable` for more than MAX_ISSUES issues; those of
 *   `requireActingRun`
 */
async function lockAffectedIssues(tx: Tx, ctx: Ctx, selectIssues: IssuesOf, id: string): Promise<string[]> {
  const companyId = companyOf(ctx)
  const rows = await tx.run(selectIssues, { id, companyId, limit: MAX_ISSUES + 1 })
  if (rows.length > MAX_ISSUES) refuse('unprocessable', { message: `More than ${MAX_ISSUES} issues refer to it; move them first` })
  const ids = rows.map((row) => row.id)
  const locked = await lockIssues(tx, companyId, ids)
  const { actor } = ctx
  if (actor.kind === 'agent') {
    const runId = actingRunIdOf(actor)
    const isMine = (holderRunId: string | null): boolean => holderRunId !== null && holderRunId === runId
    const heldByOthers = locked.filter(
      (issue) => issue.status === 'in_progress' && !isMine(issue.checkoutRunId) && !isMine(issue.executionRunId),
    )
    if (heldByOthers.length > 0)
      refuse('checked_out_by_other', { details: { issueIds: heldByOthers.slice(0, 20).map((issue) => issue.id) } })
  }
  await requireActingRun(tx, ctx)
  return locked.map((issue) => issue.id)
}

// No foreign key clears this column, and the workspaces are deleted with their project.
const clearProjectWorkspaces = statement<{ ids: string[] }, never>('detach_workspaces').write(sql`
  update ${issues} set project_workspace_id = null where id = any(${param('ids', 'uuid[]')}) and project_workspace_id is not null`)

/**
 * Gives issues a new version, and with it a new entity tag, although no column of theirs changes: the entity tag also
 * covers the labels and work products of an issue. The update fires the trigger that increments `version` on every
 * change of the row, so the counter keeps one writer.
 */
const bumpVersion = statement<{ ids: string[] }, never>('detach_count').write(sql`
  update ${issues} set version = version where id = any(${param('ids', 'uuid[]')})`)

/**
 * Deletes a goal; its issues, projects and sub-goals stay without it.
 * @returns the goal as it was
 * @throws Refusal `not_found`; those of `lockAffectedIssues`
 */
export async function deleteGoal(ctx: Ctx, id: string): Promise<GoalRow> {
  const companyId = companyOf(ctx)
  return await mutate(ctx, async (tx) => {
    await lockCompany(tx, companyId)
    const before = await lockGoalForDelete(tx, companyId, id)
    const issueIds = await lockAffectedIssues(tx, ctx, issuesOfGoal, id)
    const projects = await removeGoalFromProjects(tx, id)
    const children = await deleteGoalRow(tx, id)
    const { title, level, status } = before
    return changed(before, goalDeleted(id, { title, level, status, issues: issueIds.length, projects, children }))
  })
}

/**
 * Deletes a project and its workspaces; its issues stay without it.
 * @returns the project as it was
 * @throws Refusal `not_found`; `field_not_permitted` for an agent where the project has a hard limit, which goes with it; those of `lockAffectedIssues`
 */
export async function deleteProject(ctx: Ctx, id: string): Promise<ProjectView> {
  return await mutate(ctx, async (tx) => {
    await lockCompany(tx, companyOf(ctx))
    const cancelled = await cancelOverridesOf(tx, companyOf(ctx), id)
    const before = await lockProjectForDelete(tx, ctx, id)
    await requireMayTakeOutOf(tx, ctx, id)
    const routines = await stopRoutinesOfProject(tx, companyOf(ctx), id)
    const issueIds = await lockAffectedIssues(tx, ctx, issuesOfProject, id)
    await tx.run(clearProjectWorkspaces, { ids: issueIds })
    await tx.run(bumpVersion, { ids: issueIds })
    await deleteProjectRow(tx, id)
    const { name, status, workspaces } = before
    const deleted = projectDeleted(id, { name, status, issues: issueIds.length, workspaces: workspaces.length })
    return changed(before, deleted, ...routines, ...cancelled)
  })
}

/**
 * Deletes a label and removes it from every issue.
 * @returns the label as it was
 * @throws Refusal `not_found`; those of `lockAffectedIssues`
 */
export async function deleteLabel(ctx: Ctx, id: string): Promise<LabelRow> {
  const companyId = companyOf(ctx)
  return await mutate(ctx, async (tx) => {
    await lockCompany(tx, companyId)
    const before = await lockLabelForDelete(tx, companyId, id)
    const issueIds = await lockAffectedIssues(tx, ctx, issuesOfLabel, id)
    await tx.run(bumpVersion, { ids: issueIds })
    await deleteLabelRow(tx, id)
    return changed(before, labelDeleted(id, { name: before.name, color: before.color, issues: issueIds.length }))
  })
}
