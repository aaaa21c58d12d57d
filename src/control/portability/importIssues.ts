import { randomUUID } from 'node:crypto'
import { insertLabels } from '../../org/labels/index.ts'
import { skeleton } from '../../platform/kernel/skeleton.ts'
import { companyOf } from '../../platform/db/context.ts'
import { insertDocuments } from '../../work/documents/index.ts'
import { insertIssues } from '../../work/issues/index.ts'
import { insertWorkProducts } from '../../work/workProducts/index.ts'
import { findGoalIds } from './importGoals.ts'
import { findAgentId, findProjectId } from './importState.ts'
import type { ImportState } from './importState.ts'
import { listed } from './entries.ts'
import type { IssueEntry } from './entries.ts'
import type { ImportResult } from './views.ts'

const DEFAULT_LABEL_COLOR = '#6366f1'

/** (tx) The ids of the labels that a package names, by the skeleton of the name. A missing label is created. */
async function importLabels({ tx, ctx, plan, existing, events }: ImportState): Promise<ReadonlyMap<string, string>> {
  const ids = new Map(existing.labels.map((label) => [skeleton(label.name), label.id]))
  const missing = new Map<string, string>()
  for (const { labels } of plan.issues)
    for (const name of labels ?? []) if (!ids.has(skeleton(name)) && !missing.has(skeleton(name))) missing.set(skeleton(name), name)
  const inserted = await insertLabels(
    tx,
    companyOf(ctx),
    [...missing.values()].map((name) => ({ name, color: plan.companyPackage.labelColors[name.toLowerCase()] ?? DEFAULT_LABEL_COLOR })),
  )
  for (const { id, name, event } of inserted) {
    ids.set(skeleton(name), id)
    events.push(event)
  }
  return ids
}

/** The ids of the agent and the project of an issue. A name without a row gives a warning and null. */
function resolveReferences(state: ImportState, { path, project, assignee }: IssueEntry) {
  const assigneeAgentId = findAgentId(state, assignee)
  if (assignee && assigneeAgentId === null) state.warnings.push(`${path}: its assignee ${assignee} does not exist`)
  const projectId = findProjectId(state, project)
  if (project && projectId === null) state.warnings.push(`${path}: its project ${project} does not exist`)
  return { assigneeAgentId, projectId }
}

/** The ids of the parent and the blockers of an issue, which are issues of the same package. Names without one give a warning. */
function resolveIssues({ warnings }: ImportState, { path, parent, blockedBy }: IssueEntry, ids: ReadonlyMap<string, string>) {
  const missing = [parent, ...(blockedBy ?? [])].filter((slug): slug is string => Boolean(slug) && !ids.has(slug ?? ''))
  if (missing.length > 0) warnings.push(`${path}: its parent or blockers ${listed(missing)} are not in the package`)
  const idsOf = (slugs: readonly string[]): string[] => slugs.flatMap((slug) => ids.get(slug) ?? [])
  return { parentId: idsOf(parent ? [parent] : [])[0] ?? null, blockedByIssueIds: idsOf(blockedBy ?? []) }
}

/**
 * (tx) Imports the issues of a package. They are open, no run holds them, and they wake no agent: the package describes the
 * work, and the company decides when it starts.
 * @throws Refusal as `insertLabels` and `insertIssues`
 */
export async function importIssues(state: ImportState): Promise<ImportResult['issues']> {
  const { tx, ctx, plan, events } = state
  const labelIds = await importLabels(state)
  const ids = new Map(plan.issues.map(({ slug }) => [slug, randomUUID() as string]))
  const batch = plan.issues.map((entry) => {
    const {
      slug,
      path,
      project: _project,
      assignee: _assignee,
      parent: _parent,
      blockedBy: _blockers,
      labels,
      goal,
      documents: _documents,
      workProducts: _products,
      ...fields
    } = entry
    const input = {
      ...fields,
      status: fields.status === 'in_progress' ? ('todo' as const) : fields.status,
      ...resolveReferences(state, entry),
      ...resolveIssues(state, entry, ids),
      goalId: findGoalIds(state, path, goal ? [goal] : [])[0] ?? null,
      labelIds: (labels ?? []).flatMap((name) => labelIds.get(skeleton(name)) ?? []),
    }
    return { id: ids.get(slug) ?? '', input }
  })
  const inserted = await insertIssues(tx, ctx, batch)
  events.push(...inserted.flatMap((issue) => issue.events))
  const partsOf = <T>(list: (entry: IssueEntry) => readonly T[] | null | undefined): { issueId: string; part: T }[] =>
    plan.issues.flatMap((entry) => (list(entry) ?? []).map((part) => ({ issueId: ids.get(entry.slug) ?? '', part })))
  const documents = partsOf((entry) => entry.documents).map(({ issueId, part }) => ({ ...part, issueId, title: part.title ?? null }))
  events.push(...(await insertDocuments(tx, ctx, documents)))
  const products = partsOf((entry) => entry.workProducts).map(({ issueId, part }) => ({ issueId, input: part }))
  events.push(...(await insertWorkProducts(tx, ctx, products)))
  return plan.issues.map(({ slug, title }, index) => {
    const { id = '', identifier = '' } = inserted[index] ?? {}
    return { slug, id, identifier, action: 'created', title }
  })
}
