import { describe, expect, test } from 'vitest'
import type { IssueDetail } from '../../api/types.ts'
import { contested, isAbout } from './saving.ts'

const issue = (fields: Partial<IssueDetail> = {}): IssueDetail =>
  ({
    title: 'One',
    description: null,
    status: 'todo',
    priority: 'low',
    labelIds: ['a', 'b'],
    blockedBy: [],
    version: 1,
    ...fields,
  }) as IssueDetail

describe('a change of an issue that has changed since', () => {
  test('Another field than those that are saved is no conflict', () => {
    expect(contested(issue(), issue({ status: 'in_progress', version: 2 }), { title: 'Two', description: 'text' })).toEqual([])
  })

  test('A field that is saved and has another value is one', () => {
    expect(contested(issue(), issue({ title: 'Three' }), { title: 'Two', priority: 'high' })).toEqual(['title'])
  })

  test('Labels and blockers are compared as sets', () => {
    expect(contested(issue(), issue({ labelIds: ['b', 'a'] }), { labelIds: ['a'] })).toEqual([])
    expect(contested(issue(), issue({ labelIds: ['b'] }), { labelIds: ['a'] })).toEqual(['labelIds'])
  })

  test('Of the audit rows those are shown that tell of the field', () => {
    const updated = { action: 'issue.updated', details: { title: 'Three', _previous: { title: 'One' } } }
    expect(isAbout(updated, ['title'])).toBe(true)
    expect(isAbout(updated, ['description'])).toBe(false)
    expect(isAbout({ action: 'issue.checked_out', details: {} }, ['status'])).toBe(true)
    expect(isAbout({ action: 'issue.checked_out', details: {} }, ['title'])).toBe(false)
    expect(isAbout({ action: 'issue.blockers_updated', details: {} }, ['blockedByIssueIds'])).toBe(true)
  })
})
