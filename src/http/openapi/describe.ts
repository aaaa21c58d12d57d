// Adds the descriptions to the schemas: of each view, and of each field at any depth.

import { isObject } from './jsonSchema.ts'
import type { Json } from './jsonSchema.ts'
import { fieldTexts } from './texts/fields.ts'
import { viewTexts } from './texts/views.ts'

/**
 * The description of a field: in its view by its path, under its parent, or by its name alone. One name has one meaning
 * unless a view says otherwise.
 */
function fieldText(view: string, path: readonly string[]): string | undefined {
  const name = path.at(-1) ?? ''
  return fieldTexts[`${view}.${path.join('.')}`] ?? fieldTexts[path.slice(-2).join('.')] ?? fieldTexts[name]
}

function describeBelow(schema: Json, view: string, path: readonly string[]): Json {
  const describeAny = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(describeAny)
    return isObject(value) ? describeBelow(value, view, path) : value
  }
  return Object.fromEntries(
    Object.entries(schema).map(([key, value]) => [
      key,
      key === 'properties' && isObject(value) ? describeProperties(value, view, path) : describeAny(value),
    ]),
  )
}

const describeProperties = (properties: Json, view: string, path: readonly string[]): Json =>
  Object.fromEntries(
    Object.entries(properties).map(([name, property]) => {
      const own = [...path, name]
      // A field that its schema describes, as those of adapters, may have a name that means something else in views.
      const text = isObject(property) && 'description' in property ? undefined : fieldText(view, own)
      return [name, { ...describeBelow(property as Json, view, own), ...(text === undefined ? {} : { description: text }) }]
    }),
  )

/** A schema with the descriptions of its fields. @param view its name, or that of the operation in which it stands */
export const describeFields = (schema: Json, view: string): Json => describeBelow(schema, view, [])

/** Named schemas with the descriptions of the views and of their fields. */
export const describeSchemas = (
  schemas: Readonly<Record<string, Json>>,
  ownTexts: Readonly<Record<string, string>>,
): Record<string, Json> =>
  Object.fromEntries(
    Object.entries(schemas).map(([name, schema]) => {
      const text = viewTexts[name] ?? ownTexts[name]
      return [name, { ...(text === undefined ? {} : { description: text }), ...describeFields(schema, name) }]
    }),
  )
