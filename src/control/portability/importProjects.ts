import { applyProjectPatch, insertProject, insertWorkspace } from '../../org/projects/index.ts'
import { companyOf } from '../../platform/db/context.ts'
import { findAgentId, pastTense } from './importState.ts'
import type { ImportState } from './importState.ts'
import type { ProjectEntry } from './package.ts'
import type { PlannedEntry } from './plan.ts'
import type { ImportResult } from './views.ts'

/** (tx) Imports one project. @returns its id */
async function importProject(state: ImportState, { entry, action, name, existingId }: PlannedEntry<ProjectEntry>): Promise<string> {
  const { tx, ctx, events, warnings } = state
  const { slug: _, path, lead, workspaces = [], ...fields } = entry
  const leadAgentId = findAgentId(state, lead)
  if (lead && leadAgentId === null) warnings.push(`${path}: its lead ${lead} does not exist`)
  if (existingId !== null) {
    if (action === 'skip') return existingId
    const { name: _name, ...patch } = fields
    events.push(...(await applyProjectPatch(tx, ctx, existingId, { ...patch, ...(leadAgentId === null ? {} : { leadAgentId }) })))
    if (workspaces.length > 0) warnings.push(`${path}: the project keeps its existing workspaces`)
    return existingId
  }
  const [workspace, ...others] = workspaces
  const { project, event } = await insertProject(tx, ctx, {
    ...fields,
    name,
    leadAgentId,
    ...(workspace === undefined ? {} : { workspace }),
  })
  for (const other of others) await insertWorkspace(tx, { companyId: companyOf(ctx), projectId: project.id }, other)
  events.push(event)
  return project.id
}

/** (tx) Imports the projects of a package. @throws Refusal as `insertProject` and `applyProjectPatch` */
export async function importProjects(state: ImportState): Promise<ImportResult['projects']> {
  const results: ImportResult['projects'] = []
  for (const step of state.plan.projects) {
    const id = await importProject(state, step)
    state.projectIds.set(step.entry.slug, id)
    results.push({ slug: step.entry.slug, id, action: pastTense[step.action], name: step.name, reason: step.reason })
  }
  return results
}
