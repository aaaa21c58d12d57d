import { expect, test } from 'vitest'
import { groupsFor, isRunId, isWholeId, matching } from './found.ts'
import type { Entry, Findable } from './found.ts'

const entry = (words: string, note?: string): Entry => ({ key: words, words, to: `/${words}`, ...(note === undefined ? {} : { note }) })

const lists: Findable = {
  pages: [entry('Overview'), entry('Locks'), entry('Settings'), entry('Settings: Members')],
  issues: [entry('ACM-12', 'Unlock the door')],
  agents: [entry('Ada', 'engineer'), entry('Locke', 'qa')],
  runs: [],
  acts: [entry('New company')],
}

test('Every typed word has to be in an entry, in any order', () => {
  expect(matching(lists.pages, 'members sett').map(({ key }) => key)).toEqual(['Settings: Members'])
  expect(matching(lists.agents, 'engineer').map(({ key }) => key)).toEqual(['Ada'])
  expect(matching(lists.agents, 'nothing')).toEqual([])
})

test('A page that begins with the text comes before the issues, and other pages come after the agents', () => {
  expect(groupsFor('loc', lists).map(({ name, entries }) => [name, entries.map(({ key }) => key)])).toEqual([
    ['Pages', ['Locks']],
    ['Issues', ['ACM-12']],
    ['Agents', ['Locke']],
  ])
  expect(groupsFor('members', lists).map(({ name }) => name)).toEqual(['Issues', 'More pages'])
})

test('An empty text finds the pages and the acts', () => {
  expect(groupsFor('  ', lists).map(({ name, entries }) => [name, entries.length])).toEqual([
    ['Pages', 4],
    ['Acts', 1],
  ])
})

test('A text of hexadecimal digits may be the id of a run', () => {
  const id = '4215795f-70bb-4fb9-8901-8ad48d30f19d'
  expect(['4215', '4215795f', '4215795f-70', id].map(isRunId)).toEqual([true, true, true, true])
  expect(['421', 'ACM-12', 'lock'].map(isRunId)).toEqual([false, false, false])
  expect([isWholeId(id), isWholeId('4215795f')]).toEqual([true, false])
})
