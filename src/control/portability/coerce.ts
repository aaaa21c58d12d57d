import type { z } from 'zod'
import { isPlainScalar } from './yaml.ts'

type Schema = z.core.$ZodTypes

type Fields = Readonly<Record<string, unknown>>

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !isPlainScalar(value)

/** Maps the items of fields. Fields of which no item changes are returned as they are: an entry may have thousands, and most need no copy. */
function mapItems(fields: Fields, map: (item: unknown, key: string) => unknown): Fields {
  let copy: Record<string, unknown> | null = null
  for (const key of Object.keys(fields)) {
    const item = map(fields[key], key)
    if (item === fields[key]) continue
    // `fromEntries` keeps a field with the name of a prototype a field.
    copy ??= Object.fromEntries(Object.entries(fields))
    Object.defineProperty(copy, key, { value: item, enumerable: true, writable: true, configurable: true })
  }
  return copy ?? fields
}

/** A value as YAML's rules read it, at all levels. */
export function plain(value: unknown): unknown {
  if (isPlainScalar(value)) return value.value
  if (Array.isArray(value)) return value.map(plain)
  return isFields(value) ? mapItems(value, plain) : value
}

function asText(value: unknown): unknown {
  if (isPlainScalar(value)) return value.source
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : plain(value)
}

function asNumber(value: unknown): unknown {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : NaN
  return Number.isFinite(number) ? number : plain(value)
}

/** The words for yes and no: those of YAML 1.1 are texts in 1.2, and people still write them. */
const flags = new Map<unknown, boolean>([
  ...['true', 'yes', 'on'].map((word) => [word, true] as const),
  ...['false', 'no', 'off'].map((word) => [word, false] as const),
])

const asFlag = (value: unknown): unknown => (typeof value === 'string' ? (flags.get(value.toLowerCase()) ?? value) : plain(value))

/** Receives the path of each key that a schema does not have. */
type Note = (path: string) => void

const join = (path: string, key: string | number): string => (path === '' ? String(key) : `${path}.${key}`)

/**
 * Makes of a value what its field is: `007` a text where the field is a text, `"5"` a number, one word a list of one. It
 * validates nothing; what cannot be made to fit is left for the schema to refuse.
 */
export function coerce(schema: z.core.$ZodType, value: unknown, note: Note, path = ''): unknown {
  // A package has a hundred thousand values, so this function makes no closure.
  const { def } = (schema as unknown as Schema)._zod
  // Schemas of every other kind take a value as YAML reads it.
  // oxlint-disable-next-line typescript/switch-exhaustiveness-check
  switch (def.type) {
    case 'optional':
    case 'nullable':
    case 'default':
    case 'prefault':
    case 'readonly':
    case 'nonoptional':
      return value === null || value === undefined ? value : coerce(def.innerType, value, note, path)
    case 'pipe':
      return coerce((def.in as unknown as Schema)._zod.def.type === 'transform' ? def.out : def.in, value, note, path)
    case 'string':
    case 'enum':
      return asText(value)
    case 'number':
      return asNumber(value)
    case 'boolean':
      return asFlag(value)
    case 'array':
      return isFields(value) ? plain(value) : coerceItems(def.element, Array.isArray(value) ? value : [value], note, path)
    case 'object':
      return isFields(value) ? coerceFields(def.shape, value, note, path) : plain(value)
    case 'record':
      return isFields(value) ? coerceRecord(def.valueType, value, note, path) : plain(value)
    case 'union':
      return coerceUnion(def.options, value)
    default:
      return plain(value)
  }
}

const coerceItems = (element: z.core.$ZodType, items: readonly unknown[], note: Note, path: string): unknown[] =>
  items.map((item, index) => coerce(element, item, note, join(path, index)))

const coerceRecord = (values: z.core.$ZodType, record: Fields, note: Note, path: string): Fields =>
  mapItems(record, (item, key) => coerce(values, item, note, join(path, key)))

function coerceFields(shape: Readonly<Record<string, z.core.$ZodType>>, fields: Fields, note: Note, path: string): Fields {
  const entries: [string, unknown][] = []
  for (const [key, item] of Object.entries(fields)) {
    const field = Object.hasOwn(shape, key) ? shape[key] : undefined
    if (field === undefined) note(join(path, key))
    else entries.push([key, coerce(field, item, note, join(path, key))])
  }
  return Object.fromEntries(entries)
}

/** The first alternative that accepts the value. */
function coerceUnion(options: readonly z.core.$ZodType[], value: unknown): unknown {
  for (const option of options) {
    const coerced = coerce(option, value, () => undefined)
    if ((option as z.ZodType).safeParse(coerced).success) return coerced
  }
  return plain(value)
}
