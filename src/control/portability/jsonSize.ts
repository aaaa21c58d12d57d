/** Maximum values of one entry, at all levels: as many as a body of JSON, by which an agent or an issue is created, may have. */
export const MAX_ENTRY_VALUES = 10_000
/** Maximum depth of lists and maps in each other: that of YAML. */
const MAX_DEPTH = 60
/** An entry of the extension stands in the map of its kind, which stands in the map of all kinds. */
const ENTRY_DEPTH = 3

const [QUOTE, BACKSLASH, COMMA] = [0x22, 0x5c, 0x2c]
const OPENING = new Set([0x5b, 0x7b])
const CLOSING = new Set([0x5d, 0x7d])

/**
 * Looks at a JSON text before it is parsed, because the parser keeps the event loop: 60,000 keys of one map take 60 ms.
 * @param entryDepth how many lists and maps are open within an entry
 * @returns why it is not to be parsed; null when it may be
 */
export function jsonProblem(text: string, entryDepth = ENTRY_DEPTH): string | null {
  /** Values of the lists and maps that are open; those of an entry and below it count with what is below them. */
  const counts: number[] = []
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index)
    if (code === QUOTE) {
      index = endOfText(text, index)
      continue
    }
    if (OPENING.has(code)) counts.push(1)
    else if (CLOSING.has(code)) {
      const below = counts.pop() ?? 0
      if (counts.length >= entryDepth) counts.push((counts.pop() ?? 0) + below)
    } else if (code === COMMA) counts.push((counts.pop() ?? 0) + 1)
    else continue
    if (counts.length > MAX_DEPTH) return 'it has too many levels'
    if ((counts.at(-1) ?? 0) > MAX_ENTRY_VALUES) return `one of its entries has more than ${MAX_ENTRY_VALUES} values`
  }
  return null
}

/** The place of the quote that ends the text in a JSON text, or the end of all. */
function endOfText(text: string, at: number): number {
  for (let index = at + 1; index < text.length; index += 1) {
    const code = text.charCodeAt(index)
    if (code === BACKSLASH) index += 1
    else if (code === QUOTE) return index
  }
  return text.length
}
