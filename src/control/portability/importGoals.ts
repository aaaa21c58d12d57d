import { randomUUID } from 'node:crypto'
import { insertGoals } from '../../org/goals/index.ts'
import { findAgentId } from './importState.ts'
import type { ImportState } from './importState.ts'
import type { GoalEntry } from './entries.ts'

/** The owner that an entry names. A name without an agent gives a warning and null. */
function ownerOf(state: ImportState, { path, owner }: GoalEntry): string | null {
  const ownerAgentId = findAgentId(state, owner)
  if (owner && ownerAgentId === null) state.warnings.push(`${path}: its owner ${owner} does not exist`)
  return ownerAgentId
}

/**
 * (tx) Imports the goals of a package. A goal of the company with the same title is taken in place of a new one and stays as it is.
 * @throws Refusal as `insertGoals`
 */
export async function importGoals(state: ImportState): Promise<void> {
  const { tx, ctx, plan, existing, goalIds, events, warnings } = state
  const known = new Map(existing.goals.toReversed().map(({ id, title }) => [title, id]))
  const created: GoalEntry[] = []
  for (const entry of plan.goals) {
    const id = known.get(entry.title.toLowerCase())
    goalIds.set(entry.slug, id ?? randomUUID())
    if (id === undefined) created.push(entry)
    else warnings.push(`${entry.path}: a goal with this title exists and is used`)
  }
  const batch = created.map((entry) => {
    const { slug, path, parent, owner: _, ...fields } = entry
    const parentId = parent ? (goalIds.get(parent) ?? null) : null
    if (parent && parentId === null) warnings.push(`${path}: its parent ${parent} is not in the package`)
    return { id: goalIds.get(slug) ?? '', input: { ...fields, parentId, ownerAgentId: ownerOf(state, entry) } }
  })
  events.push(...(await insertGoals(tx, ctx, batch)))
}

/** The ids of goals that an entry names. Names without a goal give a warning. */
export function findGoalIds({ goalIds, warnings }: ImportState, path: string, slugs: readonly string[]): string[] {
  return slugs.flatMap((slug) => {
    const id = goalIds.get(slug)
    if (id === undefined) warnings.push(`${path}: its goal ${slug} is not in the package`)
    return id === undefined ? [] : [id]
  })
}
