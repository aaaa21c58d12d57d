import { describe, expect, test } from 'vitest'
import { buildOrgTree } from './orgTree.ts'

const row = (id: string, reportsTo: string | null) => ({ id, name: id, role: 'general' as const, status: 'idle' as const, reportsTo })

describe('buildOrgTree', () => {
  test('The members of a cycle of imported rows are shown once, below the first member', () => {
    const tree = buildOrgTree([row('a', 'c'), row('b', 'a'), row('c', 'b'), row('d', null), row('e', 'e')])
    const names = (nodes: readonly { id: string; reports: readonly unknown[] }[]): unknown =>
      nodes.map((node) => [node.id, names(node.reports as { id: string; reports: readonly unknown[] }[])])
    expect(names(tree)).toEqual([
      ['d', []],
      ['a', [['b', [['c', []]]]]],
      ['e', []],
    ])
  })
})
