import { hierarchy, tree } from 'd3-hierarchy'
import type { HierarchyPointNode } from 'd3-hierarchy'

// Positions of the cards of an organisation chart, in pixels. The layout is a tidy tree of `d3-hierarchy`; this file
// chooses which cards are drawn and turns the result into whole pixels.

interface TreeNode<T> {
  readonly reports: readonly T[]
}

export const CARD_WIDTH = 200
export const CARD_HEIGHT = 76
const COLUMN_WIDTH = CARD_WIDTH + 24
const ROW_HEIGHT = CARD_HEIGHT + 48

export interface Card<T> {
  readonly node: T
  /** Pixels from the left and the top of the chart. */
  readonly x: number
  readonly y: number
  /** The index of the manager's card in the list of cards; null for a root. */
  readonly parentIndex: number | null
}

export interface Layout<T> {
  /** Row by row from the top, and from left to right within a row. */
  readonly cards: readonly Card<T>[]
  readonly width: number
  readonly height: number
  /** The number of nodes beyond the limit, which have no card. */
  readonly omittedCount: number
}

interface NodeAtDepth<T> {
  readonly node: T
  readonly parentIndex: number | null
  readonly depth: number
}

/** The nodes of a forest, row by row. It is a loop, so a chain of thousands needs no deeper stack than a row of them. */
function flattenByDepth<T extends TreeNode<T>>(roots: readonly T[]): NodeAtDepth<T>[] {
  const nodes: NodeAtDepth<T>[] = roots.map((node) => ({ node, parentIndex: null, depth: 0 }))
  // The list grows during the loop: each node appends its reports.
  for (let index = 0; index < nodes.length; index += 1) {
    const { node, depth } = nodes[index] as NodeAtDepth<T>
    for (const report of node.reports) nodes.push({ node: report, parentIndex: index, depth: depth + 1 })
  }
  return nodes
}

/**
 * Places a forest as a tidy tree: one row for each level, each manager centred above its reports, no card on another
 * card. The result depends on nothing but the forest.
 * @param maxCards the largest number of cards. The rows nearest to the roots come first, so each card has its manager's.
 */
export function layOutTree<T extends TreeNode<T>>(roots: readonly T[], maxCards: number): Layout<T> {
  const nodes = flattenByDepth(roots)
  const shownNodes = nodes.slice(0, maxCards)
  const xPositions = centreOverReports(shownNodes, tidyPositions(shownNodes))
  // A loop, because a spread of thousands of arguments could overflow the stack.
  const left = xPositions.reduce((least, x) => Math.min(least, x), xPositions[0] ?? 0)
  const right = xPositions.reduce((most, x) => Math.max(most, x), left - CARD_WIDTH)
  const rows = (shownNodes.at(-1)?.depth ?? -1) + 1
  return {
    cards: shownNodes.map(({ node, parentIndex, depth }, index) => ({
      node,
      parentIndex,
      x: (xPositions[index] ?? 0) - left,
      y: depth * ROW_HEIGHT,
    })),
    width: right + CARD_WIDTH - left,
    height: Math.max(0, rows * ROW_HEIGHT - (ROW_HEIGHT - CARD_HEIGHT)),
    omittedCount: nodes.length - shownNodes.length,
  }
}

/** The left edge of each card by the tidy-tree algorithm, which may be negative and a fraction of a pixel. */
function tidyPositions(shownNodes: readonly NodeAtDepth<unknown>[]): number[] {
  // The algorithm wants one root, so an invisible one stands above the forest.
  const forestRoot: { index: number; reports: (typeof forestRoot)[] } = { index: -1, reports: [] }
  const entries: (typeof forestRoot)[] = []
  for (const [index, { parentIndex }] of shownNodes.entries()) {
    const entry = { index, reports: [] }
    entries.push(entry)
    const parent = parentIndex === null ? forestRoot : entries[parentIndex]
    parent?.reports.push(entry)
  }
  const layOut = tree<typeof forestRoot>()
    .nodeSize([COLUMN_WIDTH, ROW_HEIGHT])
    .separation(() => 1)
  const xPositions: number[] = shownNodes.map(() => 0)
  layOut(hierarchy(forestRoot, ({ reports }) => reports)).each(({ data, x }: HierarchyPointNode<typeof forestRoot>) => {
    if (data.index >= 0) xPositions[data.index] = x
  })
  return xPositions
}

/**
 * Rounds positions to whole pixels, so that the drawing is the same text on every machine. A manager is placed again, in
 * the middle of its rounded first and last report. Rounding moves a card by less than a pixel for each doubling of the
 * number of cards below it, so it never uses up the 24 pixels between two cards.
 */
function centreOverReports(shownNodes: readonly NodeAtDepth<unknown>[], positions: readonly number[]): number[] {
  const firstReport: (number | undefined)[] = []
  const lastReport: (number | undefined)[] = []
  const xPositions: number[] = []
  for (let index = shownNodes.length - 1; index >= 0; index -= 1) {
    const [first, last] = [firstReport[index], lastReport[index]]
    const x = Math.round(first === undefined || last === undefined ? (positions[index] ?? 0) : (first + last) / 2)
    xPositions[index] = x
    const parentIndex = shownNodes[index]?.parentIndex ?? null
    if (parentIndex === null) continue
    // The loop runs from right to left, so the first report that it meets is the last in the row.
    lastReport[parentIndex] ??= x
    firstReport[parentIndex] = x
  }
  return xPositions
}
