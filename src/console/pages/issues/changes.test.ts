import { describe, expect, test } from 'vitest'
import { changesBetween, firstOf, issuesWord, patchOf, planOf } from './changes.ts'
import type { IssueRow } from './filters.ts'
import type { Names } from './names.ts'

const run = { id: 'run', status: 'running', agentId: 'ada' } as IssueRow['activeRun']

const row = (fields: Partial<IssueRow> = {}): IssueRow =>
  ({
    id: 'i',
    identifier: 'ACM-1',
    title: 'One',
    status: 'todo',
    priority: 'medium',
    projectId: null,
    assigneeAgentId: null,
    assigneeUserId: null,
    checkoutRunId: null,
    executionRunId: null,
    activeRun: null,
    version: 1,
    updatedAt: '2026-01-01T00:00:00.000Z',
    labels: [],
    labelIds: [],
    ...fields,
  }) as IssueRow

const names: Names = {
  agents: [],
  people: [],
  projects: [],
  goals: [],
  labels: [],
  me: null,
  nameOfAgent: (id) => id.toUpperCase(),
  nameOfPerson: (id) => id,
}

describe('a change of many rows', () => {
  test('A row that has all of a change already is left alone, whatever comment comes with it', () => {
    expect(patchOf(row(), { patch: { status: 'todo', comment: 'again' } })).toBeNull()
    expect(patchOf(row(), { patch: { status: 'done', comment: 'over' } })).toEqual({ status: 'done', comment: 'over' })
    expect(patchOf(row({ assigneeAgentId: 'ada' }), { patch: { assigneeAgentId: 'ada', assigneeUserId: null } })).toBeNull()
  })

  test('Labels are added to those of each row', () => {
    const change = { patch: {}, addLabelIds: ['b', 'c'] }
    expect(patchOf(row({ labelIds: ['a', 'b'] }), change)).toEqual({ labelIds: ['a', 'b', 'c'] })
    expect(patchOf(row({ labelIds: ['c', 'b'] }), change)).toBeNull()
  })

  test('A plan counts the rows that change, and names those that a live run loses', () => {
    const held = row({ id: 'held', status: 'in_progress', activeRun: run })
    const plan = planOf([row(), held, row({ id: 'done', status: 'done' })], { patch: { status: 'done' } })
    expect(plan.rows.map(({ id }) => id)).toEqual(['i', 'held'])
    expect(plan).toMatchObject({ unchanged: 1, takenFromRuns: [{ id: 'held' }] })
    expect(planOf([held], { patch: { priority: 'low' } }).takenFromRuns).toEqual([])
    expect(planOf([held], { patch: { assigneeAgentId: 'bob', assigneeUserId: null } }).takenFromRuns).toEqual([held])
  })
})

test('The differences between two states of a row are said in words', () => {
  expect(changesBetween(row(), row(), names)).toEqual([])
  expect(changesBetween(row(), row({ status: 'in_review', assigneeAgentId: 'ada', labelIds: ['a'] }), names)).toEqual([
    'status in review',
    'assignee ADA',
    'other labels',
  ])
})

test('The first identifiers of many rows are named, and the rest is counted', () => {
  const rows = [1, 2, 3, 4, 5].map((number) => ({ identifier: `ACM-${number}` }))
  expect(firstOf(rows)).toBe('ACM-1, ACM-2, ACM-3 and 2 more')
  expect(firstOf(rows.slice(0, 3))).toBe('ACM-1, ACM-2, ACM-3')
  expect([issuesWord(1), issuesWord(2)]).toEqual(['1 issue', '2 issues'])
})
