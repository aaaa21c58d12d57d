import { randomUUID } from 'node:crypto'
import { insertRoutines } from '../routines/index.ts'
import { findGoalIds } from './importGoals.ts'
import { findAgentId, findProjectId, pastTense } from './importState.ts'
import type { ImportState } from './importState.ts'
import type { RoutineEntry } from './routineEntries.ts'
import type { ImportResult } from './views.ts'

/** The ids of what a routine names. A name without a row gives a warning and null. */
function referencesOf(state: ImportState, { path, project, assignee, parent, goal }: RoutineEntry, issueIds: ReadonlyMap<string, string>) {
  const { warnings } = state
  const assigneeAgentId = findAgentId(state, assignee)
  if (assignee && assigneeAgentId === null) warnings.push(`${path}: its assignee ${assignee} does not exist`)
  const projectId = findProjectId(state, project)
  if (project && projectId === null) warnings.push(`${path}: its project ${project} does not exist`)
  const parentIssueId = parent ? (issueIds.get(parent) ?? null) : null
  if (parent && parentIssueId === null) warnings.push(`${path}: its parent ${parent} is not in the package`)
  return { assigneeAgentId, projectId, parentIssueId, goalId: findGoalIds(state, path, goal ? [goal] : [])[0] ?? null }
}

/**
 * (tx) Imports the routines of a package, with new secrets for their webhooks. None of them fires in this transaction.
 * @param issues the issues that were imported before, which a routine may have as its parent
 * @throws Refusal as `insertRoutines`
 */
export async function importRoutines(state: ImportState, issues: ImportResult['issues']): Promise<ImportResult['routines']> {
  const { tx, ctx, plan, events } = state
  const issueIds = new Map(issues.map(({ slug, id }) => [slug, id]))
  // Ascending: rows of one transaction have one time, and are listed in the order of their ids.
  const ids = plan.routines.map(() => randomUUID() as string).toSorted()
  const steps = plan.routines.map((step, index) => ({ ...step, id: step.existingId ?? ids[index] ?? randomUUID() }))
  const batch = steps
    .filter(({ action }) => action === 'create')
    .map(({ id, entry }) => {
      const { slug: _, path: _path, project: _project, assignee: _assignee, parent: _parent, goal: _goal, triggers, ...fields } = entry
      return { id, triggers, input: { ...fields, ...referencesOf(state, entry, issueIds) } }
    })
  events.push(...(await insertRoutines(tx, ctx, batch)))
  return steps.map(({ id, action, reason, entry: { slug, title } }) => ({ slug, id, action: pastTense[action], title, reason }))
}
