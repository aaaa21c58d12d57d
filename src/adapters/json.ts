import { toStorableText } from './text.ts'

// Reads values out of untrusted JSON: a program may report anything.

/** The value at a path, or undefined. */
export function valueAt(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (found, name) =>
      typeof found === 'object' && found !== null && Object.hasOwn(found, name) ? (found as Record<string, unknown>)[name] : undefined,
    value,
  )
}

/** The non-empty text at a path, safe to store, or null. */
export function textAt(value: unknown, ...path: readonly string[]): string | null {
  const found = valueAt(value, ...path)
  return typeof found === 'string' && found !== '' ? toStorableText(found) : null
}

/** Counts go into 32-bit columns. */
const MAX_INT32 = 2_147_483_647

/** The count at a path: an integer, not negative; 0 when there is no number. */
export function countAt(value: unknown, ...path: readonly string[]): number {
  const found = valueAt(value, ...path)
  return typeof found === 'number' && found > 0 ? Math.min(Math.floor(found), MAX_INT32) : 0
}

/** The amount at a path: not negative; null when there is no such number. */
export function amountAt(value: unknown, ...path: readonly string[]): number | null {
  const found = valueAt(value, ...path)
  return typeof found === 'number' && found >= 0 && found <= MAX_INT32 ? found : null
}

/** A sum that stays within a 32-bit column. */
export const saturatingSum = (one: number, other: number): number => Math.min(one + other, MAX_INT32)

/** The JSON object that a text contains, or null. */
export function parseObject(text: string): Record<string, unknown> | null {
  if (!text.trimStart().startsWith('{')) return null
  try {
    return JSON.parse(text) as Record<string, unknown>
  } catch {
    return null
  }
}

/** No report of an agent is nested deeper. */
const MAX_DEPTH = 20

/** A copy whose texts are safe to store. Values that are nested too deep become null. */
export function storableJson(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return toStorableText(value)
  if (typeof value !== 'object' || value === null) return value
  if (depth >= MAX_DEPTH) return null
  if (Array.isArray(value)) return value.map((item) => storableJson(item, depth + 1))
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [toStorableText(name), storableJson(item, depth + 1)]))
}
