import { describe, expect, test } from 'vitest'
import { levelsOf } from './levels.ts'

const node = (id: string, parentId: string | null = null) => ({ id, parentId })

describe('The levels of rows that name one above them', () => {
  test('Each row comes behind the one above it, whatever the order of the rows', () => {
    expect(levelsOf([node('c', 'b'), node('b', 'a'), node('a'), node('d', 'a')]).levels).toEqual([['a'], ['b', 'd'], ['c']])
  })

  test('A row whose parent is not among them is a root', () => {
    expect(levelsOf([node('a', 'elsewhere')]).levels).toEqual([['a']])
  })

  test('A circle is opened at one of its rows, and the rows below it stay below it', () => {
    const { levels, cut } = levelsOf([node('a', 'b'), node('b', 'c'), node('c', 'a'), node('d', 'a'), node('e', 'e')])
    expect(cut.size).toBe(2)
    expect(levels.flat().toSorted()).toEqual(['a', 'b', 'c', 'd', 'e'])
    const depth = (id: string): number => levels.findIndex((level) => level.includes(id))
    expect(depth('d')).toBe(depth('a') + 1)
  })

  test('A chain of a hundred thousand rows is cut into branches, in linear time', () => {
    const chain = Array.from({ length: 100_000 }, (_, at) => node(String(at), at === 0 ? null : String(at - 1)))
    const { levels, cut } = levelsOf(chain.toReversed())
    expect(levels).toHaveLength(200)
    expect(cut.size).toBe(499)
  })
})
