// Goals as a tree. Pure, so that it can be tested by itself.

import type { Goal } from '../../api/types.ts'

/** A goal with the goals below it. */
export interface GoalNode {
  readonly goal: Goal
  readonly children: readonly GoalNode[]
}

const levels: readonly Goal['level'][] = ['company', 'team', 'agent', 'task']

const inOrder = (one: Goal, other: Goal): number =>
  levels.indexOf(one.level) - levels.indexOf(other.level) || one.title.localeCompare(other.title)

/** The goals as a tree: the widest level first, then by title. A goal whose parent is not in the list is a root. */
export function goalTree(goals: readonly Goal[]): GoalNode[] {
  const known = new Set(goals.map(({ id }) => id))
  const below = (parentId: string | null): GoalNode[] =>
    goals
      .filter((goal) => (goal.parentId !== null && known.has(goal.parentId) ? goal.parentId : null) === parentId)
      .toSorted(inOrder)
      .map((goal) => ({ goal, children: below(goal.id) }))
  return below(null)
}

/** A goal with every goal below it: none of them can become its parent. */
export function withDescendants(goals: readonly Goal[], id: string): ReadonlySet<string> {
  const found = new Set([id])
  for (let before = 0; before !== found.size;) {
    before = found.size
    for (const goal of goals) if (goal.parentId !== null && found.has(goal.parentId)) found.add(goal.id)
  }
  return found
}
