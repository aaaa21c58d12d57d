/** Whatever has others below it. */
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
  /** Where the card above it stands among the cards; null for a root. */
  readonly parentIndex: number | null
}

export interface Layout<T> {
  /** Row by row from the top, and from left to right within a row. */
  readonly cards: readonly Card<T>[]
  readonly width: number
  readonly height: number
  /** How many found no place. */
  readonly omittedCount: number
}

interface NodeAtDepth<T> {
  readonly node: T
  readonly parentIndex: number | null
  readonly depth: number
}

/** Everybody in a forest, those nearest to the roots first. A chain of thousands is no deeper here than a row of them. */
function flattenByDepth<T extends TreeNode<T>>(roots: readonly T[]): NodeAtDepth<T>[] {
  const nodes: NodeAtDepth<T>[] = roots.map((node) => ({ node, parentIndex: null, depth: 0 }))
  // The list grows while it is walked: whoever is met puts those below at its end.
  for (let index = 0; index < nodes.length; index += 1) {
    const { node, depth } = nodes[index] as NodeAtDepth<T>
    for (const report of node.reports) nodes.push({ node: report, parentIndex: index, depth: depth + 1 })
  }
  return nodes
}

/**
 * Places a forest as a tidy tree: a row for each level, everybody centred above those below, every subtree in columns of
 * its own, so that no card covers another and no line crosses one.
 * @param maxCards cards at most; the rows nearest to the roots come first, so whoever has a card has one above it
 */
export function layOutTree<T extends TreeNode<T>>(roots: readonly T[], maxCards: number): Layout<T> {
  const nodes = flattenByDepth(roots)
  const shownNodes = nodes.slice(0, maxCards)
  // Columns that a subtree takes, added up from the last row to the first.
  const spans = shownNodes.map(() => 0)
  for (let index = shownNodes.length - 1; index >= 0; index -= 1) {
    const span = Math.max(1, spans[index] ?? 0)
    spans[index] = span
    const parentIndex = shownNodes[index]?.parentIndex ?? null
    if (parentIndex !== null) spans[parentIndex] = (spans[parentIndex] ?? 0) + span
  }
  // The first column of each, handed out from the first row to the last.
  const nextColumnBelow = shownNodes.map(() => 0)
  let nextRootColumn = 0
  const columns = shownNodes.map(({ parentIndex }, index) => {
    const span = spans[index] ?? 1
    const column = parentIndex === null ? nextRootColumn : (nextColumnBelow[parentIndex] ?? 0)
    if (parentIndex === null) nextRootColumn += span
    else nextColumnBelow[parentIndex] = column + span
    nextColumnBelow[index] = column
    return column
  })
  const xPositions = centreOverReports(shownNodes, columns)
  const depth = shownNodes.at(-1)?.depth ?? -1
  return {
    cards: shownNodes.map(({ node, parentIndex, depth: row }, index) => ({
      node,
      parentIndex,
      x: xPositions[index] ?? 0,
      y: row * ROW_HEIGHT,
    })),
    width: Math.max(0, nextRootColumn * COLUMN_WIDTH - (COLUMN_WIDTH - CARD_WIDTH)),
    height: Math.max(0, (depth + 1) * ROW_HEIGHT - (ROW_HEIGHT - CARD_HEIGHT)),
    omittedCount: nodes.length - shownNodes.length,
  }
}

/** Where each stands: in its column where nobody is below, else in the middle of the first and the last below. */
function centreOverReports(shownNodes: readonly NodeAtDepth<unknown>[], columns: readonly number[]): number[] {
  const first: (number | undefined)[] = []
  const last: (number | undefined)[] = []
  const xPositions: number[] = []
  for (let index = shownNodes.length - 1; index >= 0; index -= 1) {
    const [from, to] = [first[index], last[index]]
    // Whole pixels: a fraction of one would be another number on another machine.
    const x = from === undefined || to === undefined ? (columns[index] ?? 0) * COLUMN_WIDTH : Math.round((from + to) / 2)
    xPositions[index] = x
    const parentIndex = shownNodes[index]?.parentIndex ?? null
    if (parentIndex === null) continue
    // From the right, so the one met first is the last.
    last[parentIndex] ??= x
    first[parentIndex] = x
  }
  return xPositions
}
