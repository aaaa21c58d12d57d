import { describe, expect, test } from 'vitest'
import type { Activity, Comment, Interaction, IssueRun } from '../../../api/types.ts'
import { mergeThread, openLists } from './merge.ts'
import type { ThreadLists } from './merge.ts'

const at = (minute: number): string => new Date(Date.UTC(2026, 0, 1, 12, minute)).toISOString()
const comment = (minute: number): Comment => ({ id: `comment ${minute}`, createdAt: at(minute) }) as Comment
const row = (minute: number, fields: Partial<Activity> = {}): Activity =>
  ({ id: `row ${minute} ${fields.seq ?? 0}`, seq: 0, action: 'issue.updated', createdAt: at(minute), ...fields }) as Activity
const run = (minute: number): IssueRun => ({ runId: `run ${minute}`, createdAt: at(minute) }) as IssueRun
const question = (minute: number): Interaction => ({ id: `question ${minute}`, createdAt: at(minute) }) as Interaction

const lists = (fields: Partial<ThreadLists> = {}): ThreadLists => ({
  comments: { rows: [], hasMore: false },
  activity: { rows: [], hasMore: false },
  runs: { rows: [], hasMore: false },
  questions: [],
  ...fields,
})
const idsOf = (given: ThreadLists): readonly string[] => mergeThread(given).items.map(({ id }) => id)

describe('the thread of an issue', () => {
  test('Rows of all lists stand in the order of their times', () => {
    const given = lists({
      comments: { rows: [comment(4), comment(1)], hasMore: false },
      activity: { rows: [row(5), row(2)], hasMore: false },
      runs: { rows: [run(3)], hasMore: false },
      questions: [question(0)],
    })
    expect(idsOf(given)).toEqual(['question 0', 'comment 1', 'row 2 0', 'run 3', 'comment 4', 'row 5 0'])
    expect(mergeThread(given).from).toBeNull()
  })

  test('The thread leaves out rows from before the oldest read row of a list, so that it has no gap', () => {
    const given = lists({
      comments: { rows: [comment(9), comment(6)], hasMore: true },
      activity: { rows: [row(9), row(1)], hasMore: false },
      runs: { rows: [run(8), run(3)], hasMore: true },
      questions: [question(2), question(7)],
    })
    expect(idsOf(given)).toEqual(['comment 6', 'question 7', 'run 8', 'comment 9', 'row 9 0'])
    expect(openLists(given).map(({ name }) => name)).toEqual(['comments', 'runs'])
  })

  test('Rows of one transaction are in the order of the log, after the comment that they tell of', () => {
    const given = lists({
      comments: { rows: [comment(1)], hasMore: false },
      activity: { rows: [row(1, { seq: 8 }), row(1, { seq: 7 })], hasMore: false },
    })
    expect(idsOf(given)).toEqual(['comment 1', 'row 1 7', 'row 1 8'])
  })

  test('A row that the thread shows in another way is left out', () => {
    const rows = ['issue.comment_added', 'issue.thread_interaction_created', 'issue.read_marked'].map((action) => row(1, { action }))
    expect(idsOf(lists({ activity: { rows, hasMore: false } }))).toEqual([])
  })
})
