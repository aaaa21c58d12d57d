import { describe, expect, test } from 'vitest'
import type { OrgNode } from '../../api/types.ts'
import { findByLetter, linesOf, moveBy, parentsIn } from './tree.ts'

const node = (name: string, reports: OrgNode[] = []): OrgNode => ({ id: name, name, role: 'general', status: 'idle', reports })
const roots = [node('ada', [node('ben', [node('cat')]), node('dan')]), node('eva')]
const lines = linesOf(roots, new Set())
const at = (name: string): number => lines.findIndex((line) => line.node.id === name)

describe('the tree of the organisation', () => {
  test('Each agent has its level, its place among its siblings and the number below it', () => {
    expect(lines.map(({ node: { id }, level, place, siblings, below }) => [id, level, place, siblings, below])).toEqual([
      ['ada', 1, 1, 2, 3],
      ['ben', 2, 1, 2, 1],
      ['cat', 3, 1, 1, 0],
      ['dan', 2, 2, 2, 0],
      ['eva', 1, 2, 2, 0],
    ])
    expect(linesOf(roots, new Set(['ada'])).map(({ node: { id } }) => id)).toEqual(['ada', 'eva'])
    expect(parentsIn(roots)).toEqual(['ada', 'ben'])
  })

  test('The arrows walk through the lines, open and close a node, and go to its manager', () => {
    expect(moveBy('ArrowDown', lines, at('ada'))).toEqual({ focus: 'ben' })
    expect(moveBy('ArrowUp', lines, at('ada'))).toBeNull()
    expect(moveBy('ArrowRight', lines, at('ben'))).toEqual({ focus: 'cat' })
    expect(moveBy('ArrowRight', lines, at('cat'))).toBeNull()
    expect(moveBy('ArrowLeft', lines, at('cat'))).toEqual({ focus: 'ben' })
    expect(moveBy('ArrowLeft', lines, at('ben'))).toEqual({ toggle: 'ben' })
    expect(moveBy('ArrowRight', linesOf(roots, new Set(['ada'])), 0)).toEqual({ toggle: 'ada' })
    expect([moveBy('Home', lines, 3), moveBy('End', lines, 0)]).toEqual([{ focus: 'ada' }, { focus: 'eva' }])
  })

  test('A letter goes to the next agent whose name begins with it, and begins again at the top', () => {
    expect(findByLetter('D', lines, 0)).toBe('dan')
    expect(findByLetter('a', lines, at('dan'))).toBe('ada')
    expect(findByLetter('x', lines, 0)).toBeNull()
  })
})
