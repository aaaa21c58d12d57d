/** Whatever has others below it. */
interface Node<T> {
  readonly reports: readonly T[]
}

export const CARD_WIDTH = 200
export const CARD_HEIGHT = 76
const COLUMN = CARD_WIDTH + 24
const ROW = CARD_HEIGHT + 48

export interface Card<T> {
  readonly node: T
  /** Pixels from the left and the top of the chart. */
  readonly x: number
  readonly y: number
  /** Where the card above it stands among the cards; null for a root. */
  readonly above: number | null
}

export interface Layout<T> {
  /** Row by row from the top, and from left to right within a row. */
  readonly cards: readonly Card<T>[]
  readonly width: number
  readonly height: number
  /** How many found no place. */
  readonly leftOut: number
}

interface Placed<T> {
  readonly node: T
  readonly above: number | null
  readonly depth: number
}

/** Everybody in a forest, those nearest to the roots first. A chain of thousands is no deeper here than a row of them. */
function inRows<T extends Node<T>>(roots: readonly T[]): Placed<T>[] {
  const all: Placed<T>[] = roots.map((node) => ({ node, above: null, depth: 0 }))
  // The list grows while it is walked: whoever is met puts those below at its end.
  for (let at = 0; at < all.length; at += 1) {
    const { node, depth } = all[at] as Placed<T>
    for (const report of node.reports) all.push({ node: report, above: at, depth: depth + 1 })
  }
  return all
}

/**
 * Places a forest as a tidy tree: a row for each level, everybody centred above those below, every subtree in columns of
 * its own, so that no card covers another and no line crosses one.
 * @param most cards at most; the rows nearest to the roots come first, so whoever has a card has one above it
 */
export function layOut<T extends Node<T>>(roots: readonly T[], most: number): Layout<T> {
  const all = inRows(roots)
  const shown = all.slice(0, most)
  // Columns that a subtree takes, added up from the last row to the first.
  const spans = shown.map(() => 0)
  for (let at = shown.length - 1; at >= 0; at -= 1) {
    const span = Math.max(1, spans[at] ?? 0)
    spans[at] = span
    const above = shown[at]?.above ?? null
    if (above !== null) spans[above] = (spans[above] ?? 0) + span
  }
  // The first column of each, handed out from the first row to the last.
  const nextOf = shown.map(() => 0)
  let next = 0
  const columns = shown.map(({ above }, at) => {
    const span = spans[at] ?? 1
    const column = above === null ? next : (nextOf[above] ?? 0)
    if (above === null) next += span
    else nextOf[above] = column + span
    nextOf[at] = column
    return column
  })
  const xs = centred(shown, columns)
  const depth = shown.at(-1)?.depth ?? -1
  return {
    cards: shown.map(({ node, above, depth: row }, at) => ({ node, above, x: xs[at] ?? 0, y: row * ROW })),
    width: Math.max(0, next * COLUMN - (COLUMN - CARD_WIDTH)),
    height: Math.max(0, (depth + 1) * ROW - (ROW - CARD_HEIGHT)),
    leftOut: all.length - shown.length,
  }
}

/** Where each stands: in its column where nobody is below, else in the middle of the first and the last below. */
function centred(shown: readonly Placed<unknown>[], columns: readonly number[]): number[] {
  const first: (number | undefined)[] = []
  const last: (number | undefined)[] = []
  const xs: number[] = []
  for (let at = shown.length - 1; at >= 0; at -= 1) {
    const [from, to] = [first[at], last[at]]
    // Whole pixels: a fraction of one would be another number on another machine.
    const x = from === undefined || to === undefined ? (columns[at] ?? 0) * COLUMN : Math.round((from + to) / 2)
    xs[at] = x
    const above = shown[at]?.above ?? null
    if (above === null) continue
    // From the right, so the one met first is the last.
    last[above] ??= x
    first[above] = x
  }
  return xs
}
