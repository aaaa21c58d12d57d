// Examples, built from the schemas: each field has the value that `texts/examples.ts` names, or one that its schema allows.

import { isObject } from './jsonSchema.ts'
import type { Json } from './jsonSchema.ts'
import { fieldExamples } from './texts/examples.ts'

const INSTANT = '2026-11-28T09:30:00.000Z'
const ID = 'c0a8012e-5b1f-4d7e-9c3a-6f2b1e0d4a58'

const byFormat: Readonly<Record<string, string>> = {
  'date-time': INSTANT,
  date: '2026-11-28',
  uuid: ID,
  uri: 'https://example.org/',
}

/** Builds examples of schemas that refer to the named ones. */
export interface ExampleMaker {
  readonly ofSchema: (schema: Json, view: string) => unknown
}

const hasType = (value: unknown, type: unknown): boolean => {
  const types = (Array.isArray(type) ? type : [type]) as unknown[]
  if (value === null) return types.includes('null')
  if (Array.isArray(value)) return types.includes('array')
  if (typeof value === 'number') return types.includes('number') || (types.includes('integer') && Number.isInteger(value))
  return types.includes(typeof value)
}

export function createExampleMaker(schemas: Readonly<Record<string, Json>>): ExampleMaker {
  const resolve = (schema: Json): { readonly schema: Json; readonly name: string | null } => {
    const name = typeof schema['$ref'] === 'string' ? (schema['$ref'].split('/').at(-1) ?? '') : null
    return name === null ? { schema, name } : { schema: schemas[name] ?? {}, name }
  }

  /** Whether a named value fits a schema as far as a glance shows; the test validates it in full. */
  const fits = (value: unknown, given: Json): boolean => {
    const { schema } = resolve(given)
    const alternatives = (schema['anyOf'] ?? schema['oneOf']) as Json[] | undefined
    if (alternatives !== undefined) return alternatives.some((alternative) => fits(value, alternative))
    if ('const' in schema) return schema['const'] === value
    if (Array.isArray(schema['enum'])) return schema['enum'].includes(value)
    if (schema['format'] === 'uuid') return typeof value === 'string' && value.length === 36
    return schema['type'] === undefined || hasType(value, schema['type'])
  }

  const ofObject = (schema: Json, view: string, depth: number): Json =>
    Object.fromEntries(
      Object.entries((schema['properties'] ?? {}) as Record<string, Json>).flatMap(([name, property]) => {
        const isRequired = ((schema['required'] ?? []) as string[]).includes(name)
        const named = [`${view}.${name}`, name]
          .map((key) => fieldExamples[key])
          .find((value) => value !== undefined && fits(value, property))
        // An optional field is shown where an example names it for this view.
        if (!isRequired && fieldExamples[`${view}.${name}`] === undefined) return []
        return [[name, named ?? ofSchema(property, view, depth + 1)]]
      }),
    )

  const ofSchema = (given: Json, outer: string, depth = 0): unknown => {
    const { schema, name } = resolve(given)
    const view = name ?? outer
    const whole = name === null ? undefined : fieldExamples[name]
    if (whole !== undefined) return whole
    const alternatives = (schema['anyOf'] ?? schema['oneOf']) as Json[] | undefined
    if (alternatives?.[0] !== undefined) {
      const isNullable = alternatives.some((alternative) => alternative['type'] === 'null')
      return isNullable && depth > 4 ? null : ofSchema(alternatives[0], view, depth)
    }
    if ('const' in schema) return schema['const']
    if ('default' in schema) return schema['default']
    if (Array.isArray(schema['enum'])) return schema['enum'][0]
    if (typeof schema['format'] === 'string') return byFormat[schema['format']] ?? 'text'
    const type = Array.isArray(schema['type']) ? schema['type'][0] : schema['type']
    if (type === 'object') return ofObject(schema, view, depth)
    if (type === 'array')
      return depth > 4 || !isObject(schema['items']) || 'not' in schema['items'] ? [] : [ofSchema(schema['items'], view, depth + 1)]
    if (type === 'integer' || type === 'number') return schema['minimum'] ?? 1
    if (type === 'boolean') return false
    return type === 'string' ? 'text' : null
  }

  return { ofSchema: (schema, view) => ofSchema(schema, view) }
}
