/** A row that may name another of its kind as the one above it. */
export interface Node {
  readonly id: string
  readonly parentId: string | null
}

/** Rows of a tree by their distance from a root, and those that had to be cut off what is above them. */
export interface Levels {
  readonly levels: readonly (readonly string[])[]
  readonly cut: ReadonlyMap<string, string>
}

/** The deepest tree. People make trees of a few levels; each level is at least one transaction. */
const MAX_DEPTH = 200

/**
 * Orders rows so that each comes behind the one above it. Linear in the number of rows; it ends for every input.
 * A circle is opened at one of its rows, and a branch that is too deep is cut: both are roots then.
 */
export function levelsOf(rows: readonly Node[]): Levels {
  const parents = new Map(rows.map(({ id, parentId }) => [id, parentId]))
  const depths = new Map<string, number>()
  const cut = new Map<string, string>()
  for (const { id } of rows) {
    const path = new Set<string>()
    let above: string | null = id
    while (above !== null && parents.has(above) && !depths.has(above) && !path.has(above)) {
      path.add(above)
      above = parents.get(above) ?? null
    }
    const isCircle = above !== null && path.has(above)
    let depth = above === null ? 0 : (depths.get(above) ?? -1) + 1
    for (const [at, each] of [...path].toReversed().entries()) {
      if (isCircle && at === 0) cut.set(each, 'what is above it forms a circle')
      if (depth >= MAX_DEPTH) cut.set(each, `it has more than ${MAX_DEPTH} others above it`)
      if (cut.has(each)) depth = 0
      depths.set(each, depth)
      depth += 1
    }
  }
  const levels: string[][] = []
  for (const { id } of rows) (levels[depths.get(id) ?? 0] ??= []).push(id)
  return { levels: levels.map((level) => [...new Set(level)]), cut }
}
