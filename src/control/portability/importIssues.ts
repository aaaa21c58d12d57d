import { insertLabel } from '../../org/labels/index.ts'
import { companyOf } from '../../platform/db/context.ts'
import { insertBlockers, insertIssue } from '../../work/issues/index.ts'
import { findAgentId, findRowId } from './importState.ts'
import type { ImportState } from './importState.ts'
import type { IssueEntry } from './package.ts'
import type { ImportResult } from './views.ts'

const DEFAULT_LABEL_COLOR = '#6366f1'

/** (tx) The ids of the labels that a package names, by name in lower case. A missing label is created. */
async function importLabels({ tx, ctx, plan, existing, events }: ImportState): Promise<ReadonlyMap<string, string>> {
  const ids = new Map(existing.labels.map((label) => [label.name, label.id]))
  for (const name of plan.issues.flatMap((issue) => issue.labels ?? [])) {
    if (ids.has(name.toLowerCase())) continue
    const { id, event } = await insertLabel(tx, companyOf(ctx), {
      name,
      color: plan.companyPackage.labelColors[name.toLowerCase()] ?? DEFAULT_LABEL_COLOR,
    })
    ids.set(name.toLowerCase(), id)
    events.push(event)
  }
  return ids
}

/** The ids of the agent and the project of an issue. A name without a row gives a warning and null. */
function resolveReferences(state: ImportState, { path, project, assignee }: IssueEntry) {
  const assigneeAgentId = findAgentId(state, assignee)
  if (assignee && assigneeAgentId === null) state.warnings.push(`${path}: its assignee ${assignee} does not exist`)
  const projectId = findRowId(state.projectIds, state.existing.projects, project)
  if (project && projectId === null) state.warnings.push(`${path}: its project ${project} does not exist`)
  return { assigneeAgentId, projectId }
}

/**
 * (tx) Imports the issues of a package, parents first. They are open, no run holds them, and they wake no agent: the package
 * describes the work, and the company decides when it starts.
 * @throws Refusal as `insertIssue` and `insertBlockers`
 */
export async function importIssues(state: ImportState): Promise<ImportResult['issues']> {
  const { tx, ctx, plan, events } = state
  const labelIds = await importLabels(state)
  const createdIssues = new Map<string, { id: string; identifier: string }>()
  const results: ImportResult['issues'] = []
  for (const entry of plan.issues) {
    const { slug, path: _, project: _project, assignee: _assignee, parent, blockedBy: _blockers, labels, ...fields } = entry
    const values = {
      ...fields,
      status: fields.status === 'in_progress' ? ('todo' as const) : fields.status,
      ...resolveReferences(state, entry),
      parentId: parent ? (createdIssues.get(parent)?.id ?? null) : null,
      labelIds: (labels ?? []).flatMap((name) => labelIds.get(name.toLowerCase()) ?? []),
    }
    const inserted = await insertIssue(tx, ctx, values, { suppressWakes: true })
    createdIssues.set(slug, inserted)
    events.push(...inserted.events)
    results.push({ slug, id: inserted.id, identifier: inserted.identifier, action: 'created', title: entry.title })
  }
  const relations = plan.issues.flatMap(({ slug, blockedBy }) => {
    const issue = createdIssues.get(slug)
    const blockerIds = (blockedBy ?? []).flatMap((blocker) => createdIssues.get(blocker)?.id ?? [])
    return issue === undefined ? [] : [{ ...issue, blockerIds }]
  })
  events.push(...(await insertBlockers(tx, relations)))
  return results
}
