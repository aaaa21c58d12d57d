// The entries that the readable view makes of a line.

/** How an entry is shown. Its label says the same in a word. */
export type EntryKind = 'output' | 'error' | 'system' | 'said' | 'thought' | 'tool' | 'result'

export interface Entry {
  readonly kind: EntryKind
  /** The word before the text. */
  readonly label: string
  readonly text: string
  readonly isError: boolean
}

export const entry = (kind: EntryKind, label: string, text: string, isError = false): Entry => ({ kind, label, text, isError })

/** Makes entries of a line of JSON of one program; null for what it does not know, and no entry for what says nothing. */
export type Format = (event: Json, type: string) => readonly Entry[] | null

export type Json = Readonly<Record<string, unknown>>

/** The value at a path, or undefined. */
export const at = (value: unknown, ...path: readonly (string | number)[]): unknown =>
  path.reduce<unknown>(
    (found, name) => (typeof found === 'object' && found !== null ? (found as Record<string, unknown>)[name] : undefined),
    value,
  )

/** The text at a path; empty where there is none. */
export function text(value: unknown, ...path: readonly (string | number)[]): string {
  const found = at(value, ...path)
  return typeof found === 'string' ? found : ''
}

export const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])

/** A value as a person reads it: the fields of a flat object as "name: value", anything else as JSON. */
export function readable(value: unknown): string {
  if (value === undefined || value === null) return ''
  if (typeof value === 'string') return value
  if (typeof value !== 'object' || Array.isArray(value)) return JSON.stringify(value, null, 1)
  const fields = Object.entries(value)
  if (fields.length === 1 && typeof fields[0]?.[1] === 'string') return fields[0][1]
  return fields.map(([name, field]) => `${name}: ${typeof field === 'string' ? field : JSON.stringify(field)}`).join('\n')
}

/** The parts of a sentence that are not empty. */
export const joined = (...parts: readonly string[]): string => parts.filter((part) => part !== '').join(', ')

export const money = (value: unknown): string => (typeof value === 'number' ? `$${value.toFixed(4)}` : '')

export const counted = (value: unknown, noun: string): string =>
  typeof value === 'number' ? `${value} ${noun}${value === 1 ? '' : 's'}` : ''
