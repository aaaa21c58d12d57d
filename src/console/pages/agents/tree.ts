// The organisation as a list of lines, and the keys that walk through it.

import type { OrgNode } from '../../api/types.ts'

/** One line of the tree. */
export interface TreeLine {
  readonly node: OrgNode
  /** From 1. */
  readonly level: number
  readonly parentId: string | null
  /** Its place among its siblings, from 1, and their number. */
  readonly place: number
  readonly siblings: number
  readonly isOpen: boolean
  /** The agents below it, at every level. */
  readonly below: number
}

const countBelow = (node: OrgNode): number => node.reports.reduce((sum, report) => sum + 1 + countBelow(report), 0)

/** The lines that are seen, in order. @param closed the ids of nodes whose reports are hidden */
export function linesOf(roots: readonly OrgNode[], closed: ReadonlySet<string>): TreeLine[] {
  const lines: TreeLine[] = []
  const add = (nodes: readonly OrgNode[], level: number, parentId: string | null): void => {
    for (const [at, node] of nodes.entries()) {
      const isOpen = node.reports.length > 0 && !closed.has(node.id)
      lines.push({ node, level, parentId, place: at + 1, siblings: nodes.length, isOpen, below: countBelow(node) })
      if (isOpen) add(node.reports, level + 1, node.id)
    }
  }
  add(roots, 1, null)
  return lines
}

/** The nodes with reports. */
export function parentsIn(nodes: readonly OrgNode[]): string[] {
  return nodes.flatMap((node) => (node.reports.length === 0 ? [] : [node.id, ...parentsIn(node.reports)]))
}

/** The effect of a key: the line that has the focus next, or a node that opens or closes. */
export type TreeMove = { readonly focus: string } | { readonly toggle: string } | null

/** The move of an arrow key, `Home` or `End` from a line, as trees have it everywhere. */
export function moveBy(key: string, lines: readonly TreeLine[], at: number): TreeMove {
  const line = lines[at]
  if (line === undefined) return null
  const focus = (to: TreeLine | undefined): TreeMove => (to === undefined ? null : { focus: to.node.id })
  const { node, isOpen, parentId } = line
  switch (key) {
    case 'ArrowDown':
      return focus(lines[at + 1])
    case 'ArrowUp':
      return focus(lines[at - 1])
    case 'Home':
      return focus(lines[0])
    case 'End':
      return focus(lines.at(-1))
    case 'ArrowRight':
      if (node.reports.length === 0) return null
      return isOpen ? focus(lines[at + 1]) : { toggle: node.id }
    case 'ArrowLeft':
      if (isOpen) return { toggle: node.id }
      return parentId === null ? null : { focus: parentId }
    default:
      return null
  }
}

/** The next line, after the present one, whose name begins with a letter. */
export function findByLetter(letter: string, lines: readonly TreeLine[], at: number): string | null {
  const after = [...lines.slice(at + 1), ...lines.slice(0, at + 1)]
  return after.find(({ node }) => node.name.toLowerCase().startsWith(letter.toLowerCase()))?.node.id ?? null
}
