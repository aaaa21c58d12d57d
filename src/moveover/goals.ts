import { createGoalBody } from '../org/goals/index.ts'
import { goals } from '../model/projects.ts'
import { insertRows } from '../platform/db/insertRows.ts'
import { createdColumn, idColumn, needed, orElse, reference, updatedColumn } from './columns.ts'
import type { SourceTable } from './columns.ts'
import { knownIn } from './move.ts'
import type { Move, Noun } from './move.ts'
import { found, moveTree } from './moveTable.ts'
import type { Movement } from './moveTable.ts'

const { shape: body } = createGoalBody

export const goalTable = {
  name: 'goals',
  columns: {
    id: idColumn,
    title: needed('text', 'title', body.title),
    description: orElse('text', 'description', body.description, null),
    level: orElse('text', 'level', body.level, 'task'),
    status: orElse('text', 'status', body.status, 'planned'),
    parentId: reference('parent_id'),
    ownerAgentId: reference('owner_agent_id'),
    createdAt: createdColumn,
    updatedAt: updatedColumn,
  },
} as const satisfies SourceTable

const insertGoals = insertRows('moveover_goals', goals, [
  'id',
  'companyId',
  'title',
  'description',
  'level',
  'status',
  'parentId',
  'ownerAgentId',
  'createdAt',
  'updatedAt',
])
type GoalRow = Parameters<typeof insertGoals>[1][number] & { readonly id: string }

const goalNoun: Noun<GoalRow> = {
  name: 'goals',
  knownById: knownIn('goals', goals),
  deletedBy: { actions: ['goal.deleted'] },
  async write(tx, rows) {
    await insertGoals(tx, rows)
    return []
  },
}

const movementOf = (cut: ReadonlyMap<string, string>): Movement<(typeof goalTable)['columns'], GoalRow> => ({
  table: goalTable,
  noun: goalNoun,
  shape(row, note, { companyId, present }) {
    const because = cut.get(row.id)
    if (because !== undefined) note(`its parent is left out: ${because}`)
    return {
      ...row,
      companyId,
      description: row.description ?? null,
      parentId: because === undefined ? found(present.goals, row.parentId, 'its parent', note) : null,
      ownerAgentId: found(present.agents, row.ownerAgentId, 'its owner', note),
    }
  },
})

/** Brings the goals of a company, those above others first. */
export const moveGoals = async (move: Move): Promise<void> =>
  await moveTree(move, movementOf, 'parent_id', (id) => move.present.goals.add(id))
