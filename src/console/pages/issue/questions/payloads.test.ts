import { describe, expect, test } from 'vitest'
import { taskTree, withTask } from './payloads.ts'
import type { Task } from './payloads.ts'

const task = (clientKey: string, parentClientKey: string | null = null): Task => ({ clientKey, parentClientKey, title: clientKey }) as Task
const tasks = [task('a1', 'a'), task('a'), task('b'), task('a11', 'a1')]

describe('suggested issues', () => {
  test('They stand below their parents', () => {
    expect(taskTree(tasks).map(({ task: { clientKey }, depth }) => `${depth}${clientKey}`)).toEqual(['0a', '1a1', '2a11', '0b'])
  })

  test('An issue is taken with its parents, and left with what is below it', () => {
    expect([...withTask(tasks, new Set(), 'a11')].toSorted()).toEqual(['a', 'a1', 'a11'])
    expect([...withTask(tasks, new Set(['a', 'a1', 'a11', 'b']), 'a1')].toSorted()).toEqual(['a', 'b'])
  })
})
