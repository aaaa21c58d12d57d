import type { z } from 'zod'
import type { Column, Columns, Fitted, SourceRow } from './columns.ts'

/** Receives what does not fit, as a reason without any text of the source. */
export type Note = (reason: string) => void

/** The longest JSON that is read, in characters. No request of this server may have as much. */
const MAX_JSON_CHARACTERS = 1_000_000
/** The deepest JSON that is read. A deeper one could not be written again without a deep stack. */
const MAX_JSON_DEPTH = 64

/** The depth of JSON text, found without parsing it. */
function depthOf(text: string): number {
  let depth = 0
  let deepest = 0
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[[\]{}]/g)) {
    if (token === '[' || token === '{') deepest = Math.max(deepest, (depth += 1))
    else if (token === ']' || token === '}') depth -= 1
  }
  return deepest
}

/** The value of a column as its schema expects it. @throws SyntaxError for JSON that cannot be read */
function valueOf({ kind }: Column, raw: unknown): unknown {
  if (kind !== 'json' || typeof raw !== 'string') return raw
  if (raw.length > MAX_JSON_CHARACTERS) throw new SyntaxError(`is longer than ${MAX_JSON_CHARACTERS} characters`)
  if (depthOf(raw) > MAX_JSON_DEPTH) throw new SyntaxError(`is deeper than ${MAX_JSON_DEPTH} levels`)
  return JSON.parse(raw)
}

/** The first reason why a value does not fit, or null with the value in `into`. */
function check(column: Column, raw: unknown): { readonly value: unknown } | { readonly reason: string } {
  try {
    const parsed = column.schema.safeParse(valueOf(column, raw))
    if (parsed.success) return { value: parsed.data }
    return { reason: reasonOf(parsed.error) }
  } catch (error) {
    return {
      reason: error instanceof SyntaxError && /^is (?:deeper|longer)/.test(error.message) ? error.message : 'cannot be read as JSON',
    }
  }
}

/** Messages of schemas name what is expected, and never repeat the value. Names of keys inside JSON are of the source and left out. */
function reasonOf(error: z.ZodError): string {
  const [issue] = error.issues
  return issue === undefined ? 'does not fit' : issue.message
}

/**
 * Fits a row of the source into what this server stores.
 * @param note receives each column that does not fit
 * @returns the row with fallbacks in the place of columns that do not fit; null when it cannot be brought
 */
export function fit<C extends Columns>(columns: C, row: SourceRow, note: Note): Fitted<C> | null {
  const fitted: Record<string, unknown> = {}
  for (const [key, column] of Object.entries(columns)) {
    const result = check(column, row[key])
    if ('value' in result) fitted[key] = result.value
    else if (column.fallback === undefined) {
      note(`not brought: ${column.column}: ${result.reason}`)
      return null
    } else {
      note(`${column.column} is left out: ${result.reason}`)
      fitted[key] = column.fallback.value
    }
  }
  return fitted as Fitted<C>
}
