import { randomUUID } from 'node:crypto'
import { applyProjectPatch, insertProjects } from '../../org/projects/index.ts'
import type { NewProject } from '../../org/projects/index.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import { findGoalIds } from './importGoals.ts'
import { allAtOnce, findAgentId, pastTense } from './importState.ts'
import type { ImportState } from './importState.ts'
import type { ProjectEntry } from './entries.ts'
import type { PlannedEntry } from './plan.ts'
import type { ImportResult } from './views.ts'

/** The lead that an entry names. A name without an agent gives a warning and null. */
function leadOf(state: ImportState, { path, lead }: ProjectEntry): string | null {
  const leadAgentId = findAgentId(state, lead)
  if (lead && leadAgentId === null) state.warnings.push(`${path}: its lead ${lead} does not exist`)
  return leadAgentId
}

function newProject(state: ImportState, { entry, name }: PlannedEntry<ProjectEntry>): NewProject {
  const { slug: _, path, lead: _lead, goals, workspaces = [], ...fields } = entry
  const goalIds = findGoalIds(state, path, goals ?? [])
  return { id: randomUUID(), input: { ...fields, name, leadAgentId: leadOf(state, entry), goalIds }, workspaces }
}

async function updateProject(state: ImportState, entry: ProjectEntry, id: string): Promise<DomainEvent[]> {
  const { tx, ctx, warnings } = state
  const { slug: _, path, lead: _lead, name: _name, goals, workspaces = [], ...fields } = entry
  const leadAgentId = leadOf(state, entry)
  const goalIds = findGoalIds(state, path, goals ?? [])
  const patch = { ...fields, ...(leadAgentId === null ? {} : { leadAgentId }), ...(goalIds.length === 0 ? {} : { goalIds }) }
  if (workspaces.length > 0) warnings.push(`${path}: the project keeps its existing workspaces`)
  return await applyProjectPatch(tx, ctx, id, patch)
}

/** (tx) Imports the projects of a package. @throws Refusal as `insertProjects` and `applyProjectPatch` */
export async function importProjects(state: ImportState): Promise<ImportResult['projects']> {
  const { tx, ctx, plan, projectIds, events } = state
  const created = new Map(plan.projects.filter((step) => step.action === 'create').map((step) => [step, newProject(state, step)]))
  events.push(...(await insertProjects(tx, ctx, [...created.values()])))
  const updates: Promise<DomainEvent[]>[] = []
  const results: ImportResult['projects'] = []
  for (const step of plan.projects) {
    const { entry, action, name, existingId, reason } = step
    const id = created.get(step)?.id ?? existingId
    if (id === null) continue
    // No project decides about another, and the company is locked: their statements are sent without waiting for each other's answers.
    if (action === 'update') updates.push(updateProject(state, entry, id))
    projectIds.set(entry.slug, id)
    results.push({ slug: entry.slug, id, action: pastTense[action], name, reason })
  }
  events.push(...(await allAtOnce(updates)).flat())
  return results
}
