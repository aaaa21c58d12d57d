// The named schemas of the document. A view gets its name from `texts/views.ts` and is found again by what it looks like, so that
// no view has to be edited for it.

import { componentRef, isObject } from './jsonSchema.ts'
import type { Json, Rendered } from './jsonSchema.ts'

/** The named schemas of a document while it is made. */
export interface Components {
  /** Gives a schema, or the items of a list, a name. A schema has one name, and a name one schema: the first one stays. */
  readonly add: (name: string, rendered: Rendered) => void
  /** Gives a part of a named schema a name of its own. @param path `Issue.blockedBy[]`; `{}` is a value by key, `|0` the first alternative */
  readonly addPart: (name: string, path: string) => void
  /** The schema with a reference instead of every part that has a name. */
  readonly refer: (schema: Json) => Json
  /** Every named schema, with references inside. */
  readonly render: () => Record<string, Json>
}

const hasName = (schema: Json): boolean => 'properties' in schema || 'enum' in schema || 'anyOf' in schema || 'oneOf' in schema

/** The one alternative of a schema that is not null. */
function withoutNull(schema: Json): Json {
  const alternatives = ((schema['anyOf'] ?? []) as Json[]).filter((item) => item['type'] !== 'null')
  return alternatives.length === 1 && alternatives[0] !== undefined ? alternatives[0] : schema
}

/** The schema of the items of a list, or the schema itself. */
function elementOf(schema: Json): Json {
  const bare = withoutNull(schema)
  return bare['type'] === 'array' && isObject(bare['items']) ? elementOf(bare['items']) : bare
}

function partOf(schema: Json | undefined, steps: readonly string[]): Json | undefined {
  const [step, ...rest] = steps
  if (schema === undefined || step === undefined) return schema
  const bare = withoutNull(schema)
  if (step === '[]') return partOf(bare['items'] as Json | undefined, rest)
  if (step === '{}') return partOf(bare['additionalProperties'] as Json | undefined, rest)
  if (step.startsWith('|')) return partOf(((bare['anyOf'] ?? bare['oneOf']) as Json[] | undefined)?.[Number(step.slice(1))], rest)
  return partOf((bare['properties'] as Record<string, Json> | undefined)?.[step], rest)
}

export function createComponents(): Components {
  const schemas = new Map<string, Json>()
  const names = new Map<string, string>()

  const name = (wanted: string, schema: Json): void => {
    const text = JSON.stringify(schema)
    if (!hasName(schema) || schemas.has(wanted) || names.has(text)) return
    schemas.set(wanted, schema)
    names.set(text, wanted)
  }

  const referBelow = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map((item) => (isObject(item) ? refer(item) : item))
    if (!isObject(value)) return value
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, isObject(item) ? refer(item) : referBelow(item)]))
  }
  const refer = (schema: Json): Json => {
    const known = hasName(schema) ? names.get(JSON.stringify(schema)) : undefined
    return known === undefined ? (referBelow(schema) as Json) : { $ref: componentRef(known) }
  }

  return {
    add: (wanted, { schema, recursive }) => {
      for (const [key, item] of Object.entries(recursive)) name(key, item)
      name(wanted, elementOf(schema))
    },
    addPart: (wanted, path) => {
      const [root = '', ...steps] = path.split(/\.|(?=\[\])|(?=\{\})|(?=\|)/)
      const part = partOf(schemas.get(root), steps)
      if (part !== undefined) name(wanted, part)
    },
    refer,
    render: () => Object.fromEntries([...schemas].map(([key, schema]) => [key, referBelow(schema) as Json])),
  }
}
