import { expect, test } from 'vitest'
import type { Goal } from '../../api/types.ts'
import { goalTree, withDescendants } from './goalTree.ts'
import type { GoalNode } from './goalTree.ts'

const goal = (id: string, parentId: string | null, level: Goal['level'] = 'task'): Goal => ({
  id,
  companyId: 'company',
  title: id,
  description: null,
  level,
  status: 'planned',
  parentId,
  ownerAgentId: null,
  createdAt: '2026-01-01T00:00:00.000Z',
  updatedAt: '2026-01-01T00:00:00.000Z',
})

const shown = (nodes: readonly GoalNode[]): unknown[] => nodes.map(({ goal: { id }, children }) => [id, ...shown(children)])

const goals = [
  goal('b', 'top'),
  goal('top', null, 'company'),
  goal('a', 'top'),
  goal('leaf', 'a'),
  goal('lost', 'gone'),
  goal('team', 'top', 'team'),
]

test('Goals stand below their parents, wider levels first, and then by title', () => {
  expect(shown(goalTree(goals))).toEqual([['top', ['team'], ['a', ['leaf']], ['b']], ['lost']])
})

test('A goal cannot be put below itself or below a goal that is below it', () => {
  expect([...withDescendants(goals, 'a')]).toEqual(['a', 'leaf'])
  expect([...withDescendants(goals, 'top')].toSorted()).toEqual(['a', 'b', 'leaf', 'team', 'top'])
})
