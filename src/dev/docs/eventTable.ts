import { z } from 'zod'
import type { EventDeclaration } from '../../server/eventCatalogue.ts'

interface Schema {
  readonly type?: string | readonly string[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: Schema | boolean
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly anyOf?: readonly Schema[]
  readonly items?: Schema
}

/** A type as one would say it: `string | null`, `string[]`. */
function typeOf(schema: Schema): string {
  if (schema.const !== undefined) return JSON.stringify(schema.const)
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(' or ')
  if (schema.anyOf !== undefined) return schema.anyOf.map(typeOf).join(' or ')
  if (schema.type === 'array') return `${typeOf(schema.items ?? {})}[]`
  if (schema.type === 'object' || schema.properties !== undefined)
    return schema.properties === undefined ? 'object' : `{ ${fieldsOf(schema)} }`
  if (typeof schema.type === 'string') return schema.type
  return schema.type === undefined ? 'any' : schema.type.join(' or ')
}

function fieldsOf(schema: Schema): string {
  const fields = Object.entries(schema.properties ?? {}).map(
    ([name, item]) => `${name}${schema.required?.includes(name) === true ? '' : '?'}: ${typeOf(item)}`,
  )
  const isOpen = typeof schema.additionalProperties === 'object' || schema.additionalProperties === true
  return [...fields, ...(isOpen ? ['…: any'] : [])].join(', ')
}

/** Renders every event that may stand in the audit log and is sent to subscribers. */
export function renderEvents(events: readonly EventDeclaration[]): string {
  const rows = events.map(({ action, entityType, details }) => {
    const schema = z.toJSONSchema(details, { io: 'output', unrepresentable: 'any' }) as Schema
    const fields = fieldsOf(schema)
    return `| \`${action}\` | ${entityType} | ${fields === '' ? '' : `\`${fields}\``} |`
  })
  return `# Events

Written by \`npm run docs\` from the declarations in \`src/**/events.ts\`. Each event is one row of \`activity_log\` and one realtime
message, committed with the change it describes. Details hold what is listed here and nothing else.

| action | about | details |
| --- | --- | --- |
${rows.join('\n')}
`
}
