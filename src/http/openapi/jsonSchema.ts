// JSON schemas of the declared zod schemas, as they stand in the OpenAPI document.

import { z } from 'zod'

export type Json = Record<string, unknown>

export const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)

export const componentRef = (name: string): string => `#/components/schemas/${name}`

/** Formats that need no pattern next to them; the pattern of each takes half a kilobyte. */
const selfDescribingFormats = new Set(['date-time', 'date', 'uuid'])

/**
 * Removes redundant parts that zod adds: patterns of known formats, the bounds of every safe integer, and names of properties that
 * are any text.
 */
function trimSchema(schema: Json): void {
  if (selfDescribingFormats.has(String(schema['format']))) delete schema['pattern']
  if (schema['minimum'] === Number.MIN_SAFE_INTEGER) delete schema['minimum']
  if (schema['maximum'] === Number.MAX_SAFE_INTEGER) delete schema['maximum']
  const names = schema['propertyNames']
  if (isObject(names) && JSON.stringify(names) === '{"type":"string"}') delete schema['propertyNames']
  if (isObject(schema['additionalProperties']) && Object.keys(schema['additionalProperties']).length === 0)
    schema['additionalProperties'] = true
}

const mapRefs = (value: unknown, toRef: (ref: string) => string): unknown => {
  if (Array.isArray(value)) return value.map((item) => mapRefs(item, toRef))
  if (!isObject(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, key === '$ref' && typeof item === 'string' ? toRef(item) : mapRefs(item, toRef)]),
  )
}

/** A JSON schema, and the recursive schemas that it refers to by their names as components. */
export interface Rendered {
  readonly schema: Json
  readonly recursive: Readonly<Record<string, Json>>
}

/** Rendering takes most of the time of the document, and each schema is needed twice: when it is named and where it is used. */
const rendered = new WeakMap<z.ZodType, Map<string, Rendered>>()

/**
 * The JSON schema of a zod schema.
 * @param name the name of the component that a recursive schema becomes
 */
export function renderSchema(schema: z.ZodType, io: 'input' | 'output', name: string): Rendered {
  const known = rendered.get(schema) ?? new Map<string, Rendered>()
  rendered.set(schema, known)
  const key = `${io} ${name}`
  const found = known.get(key) ?? render(schema, io, name)
  known.set(key, found)
  return found
}

function render(schema: z.ZodType, io: 'input' | 'output', name: string): Rendered {
  const {
    $schema: _,
    $defs = {},
    ...own
  } = z.toJSONSchema(schema, {
    io,
    unrepresentable: 'any',
    override: ({ jsonSchema }) => trimSchema(jsonSchema as Json),
  }) as Json & { $defs?: Record<string, Json> }
  const keys = Object.keys($defs)
  const nameOf = (key: string): string => (keys.length === 1 ? name : `${name}${keys.indexOf(key) + 1}`)
  const toRef = (ref: string): string => componentRef(ref === '#' ? name : nameOf(ref.replace('#/$defs/', '')))
  const recursive = Object.fromEntries(Object.entries($defs).map(([key, item]) => [nameOf(key), mapRefs(item, toRef) as Json]))
  if (!JSON.stringify(own).includes('"$ref":"#"')) return { schema: mapRefs(own, toRef) as Json, recursive }
  return { schema: { $ref: componentRef(name) }, recursive: { ...recursive, [name]: mapRefs(own, toRef) as Json } }
}
