import { expect, test } from 'vitest'
import { listQuery } from '../../../work/issues/views.ts'
import {
  apiQuery,
  filterNames,
  filterOf,
  openStatuses,
  queryText,
  rowFields,
  statuses,
  toggled,
  valuesOf,
  wordsOfValues,
} from './filters.ts'

const query = (text: string): URLSearchParams => new URLSearchParams(text)

test('The address has every filter that the API has, but other names of one, pages, and hints without an effect', () => {
  const others = ['search', 'page', 'offset', 'includeBlockedBy', 'includeBlockedInboxAttention', 'includeLiveDescendantSummary']
  expect(
    Object.keys(listQuery)
      .filter((name) => !others.includes(name))
      .toSorted(),
  ).toEqual([...filterNames].toSorted())
})

test('The filters of an address go to the API under the same names, with the fields of a row', () => {
  expect(apiQuery(filterOf(query('status=todo,done&q=a%20b&layout=board&unknown=1&goalId=')))).toEqual({
    status: 'todo,done',
    q: 'a b',
    fields: rowFields.join(','),
  })
})

test('The same filters in any order, and the layout, make one text', () => {
  expect(queryText(query('priority=high&status=todo'))).toBe(queryText(query('status=todo&priority=high&layout=list&other=1')))
  expect(queryText(query('layout=board&status=todo'))).toBe('status=todo&layout=board')
})

test('Values of a filter are added and removed in the order of work, and none is no filter', () => {
  expect(valuesOf('done,todo,nonsense', statuses)).toEqual(['todo', 'done'])
  expect(toggled('done', 'todo', statuses)).toBe('todo,done')
  expect(toggled('todo,done', 'todo', statuses)).toBe('done')
  expect(toggled('todo', 'todo', statuses)).toBeNull()
  expect(toggled(undefined, 'todo', statuses)).toBe('todo')
})

test('A control names a known set, one value, or how many there are', () => {
  const named = { open: openStatuses }
  expect(wordsOfValues(openStatuses, 'statuses', named)).toBe('open')
  expect(wordsOfValues(['in_review'], 'statuses', named)).toBe('in review')
  expect(wordsOfValues(['todo', 'done'], 'statuses', named)).toBe('2 statuses')
})
