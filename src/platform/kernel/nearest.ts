/**
 * The number of single-character edits between two texts: insert, delete, replace, or swap two neighbours. The three rows are
 * the whole state, so texts of the lengths of names cost nothing.
 */
export function editDistance(from: string, to: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: to.length + 1 }, (_, index) => index)
  for (let row = 1; row <= from.length; row += 1) {
    const current = [row]
    for (let column = 1; column <= to.length; column += 1) {
      const isSame = from[row - 1] === to[column - 1]
      const replaced = (last[column - 1] as number) + (isSame ? 0 : 1)
      const edited = Math.min(replaced, (last[column] as number) + 1, (current[column - 1] as number) + 1)
      const isSwapped = row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1]
      current.push(isSwapped ? Math.min(edited, (beforeLast[column - 2] as number) + 1) : edited)
    }
    beforeLast = last
    last = current
  }
  return last[to.length] as number
}

/** A name that differs in more than this part of its letters is another name and not a slip. */
const MAX_DIFFERENCE = 0.4

/** The longest text that is compared; longer ones are no slip of a name. */
const MAX_LENGTH = 100

/** The name that was probably meant by `given`, or null. Case does not count. */
export function nearestName(given: string, names: Iterable<string>): string | null {
  if (given.length > MAX_LENGTH) return null
  let nearest: string | null = null
  let fewest = Number.POSITIVE_INFINITY
  for (const name of names) {
    const distance = editDistance(given.toLowerCase(), name.toLowerCase())
    const isSlip = distance <= Math.max(given.length, name.length) * MAX_DIFFERENCE
    if (isSlip && distance < fewest) [nearest, fewest] = [name, distance]
  }
  return nearest
}
