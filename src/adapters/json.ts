import { toStorableText } from './text.ts'

/** What a program reports is anything at all: these look into it without believing it. */
export function valueAt(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (found, name) =>
      typeof found === 'object' && found !== null && Object.hasOwn(found, name) ? (found as Record<string, unknown>)[name] : undefined,
    value,
  )
}

/** The text there, safe to store, or null when there is none. */
export function textAt(value: unknown, ...path: readonly string[]): string | null {
  const found = valueAt(value, ...path)
  return typeof found === 'string' && found !== '' ? toStorableText(found) : null
}

/** Counts go into 32-bit columns. */
const MAX_INT32 = 2_147_483_647

/** The count there: whole, not negative, 0 when there is none. */
export function countAt(value: unknown, ...path: readonly string[]): number {
  const found = valueAt(value, ...path)
  return typeof found === 'number' && found > 0 ? Math.min(Math.floor(found), MAX_INT32) : 0
}

/** The amount there, or null when there is none. */
export function amountAt(value: unknown, ...path: readonly string[]): number | null {
  const found = valueAt(value, ...path)
  return typeof found === 'number' && found >= 0 && found <= MAX_INT32 ? found : null
}

export const saturatingSum = (one: number, other: number): number => Math.min(one + other, MAX_INT32)

/** The JSON object in a text, or null when there is none. */
export function parseObject(text: string): Record<string, unknown> | null {
  if (!text.trimStart().startsWith('{')) return null
  try {
    return JSON.parse(text) as Record<string, unknown>
  } catch {
    return null
  }
}

/** Deeper than this nothing is a report. */
const MAX_DEPTH = 20

/** A copy whose texts are safe to store; what lies too deep is left out. */
export function storableJson(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return toStorableText(value)
  if (typeof value !== 'object' || value === null) return value
  if (depth >= MAX_DEPTH) return null
  if (Array.isArray(value)) return value.map((item) => storableJson(item, depth + 1))
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [toStorableText(name), storableJson(item, depth + 1)]))
}
