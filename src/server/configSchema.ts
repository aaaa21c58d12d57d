// The values that settings may have, as JSON Schema: made from the schema that reads the environment, so that the two cannot differ.

import { z } from 'zod'
import { environment } from './config.ts'
import { fileShapeOf } from './settingKinds.ts'
import { secretVariables } from './secretVariables.ts'
import { settingTexts } from './settingTexts.ts'
import type { SettingName } from './settingTexts.ts'

/** The schema of one setting. */
export interface SettingSchema {
  readonly type?: string
  readonly enum?: readonly string[]
  readonly default?: unknown
  readonly description: string
  readonly [keyword: string]: unknown
}

/** The schema of `config.json`. */
export interface ConfigSchema {
  readonly $schema: string
  readonly title: string
  readonly type: 'object'
  readonly additionalProperties: false
  readonly properties: Readonly<Record<string, SettingSchema>>
}

const plain = (text: string): string => text.replaceAll(/\[([^\]]+)\]\([^)]*\)/g, '$1').replaceAll('`', '')

/** A default as it stands in the file: that of a flag is a text in the environment. */
function defaultIn(type: unknown, value: unknown): unknown {
  if (type === 'boolean') return value === 'true'
  if (type === 'array') return typeof value === 'string' ? value.split(',').filter((item) => item !== '') : value
  return value
}

/** The names of the settings, in the order of their declaration. */
export const settingNames = Object.keys(environment.shape) as readonly SettingName[]

/** The schema of each setting as it stands in the file. */
export function settingSchemas(): Readonly<Record<SettingName, SettingSchema>> {
  const { properties = {} } = z.toJSONSchema(environment, {
    io: 'input',
    unrepresentable: 'any',
    override({ zodSchema, jsonSchema }) {
      const shape = fileShapeOf(zodSchema)
      if (shape === undefined) return
      for (const keyword of Object.keys(jsonSchema)) delete jsonSchema[keyword as keyof typeof jsonSchema]
      Object.assign(jsonSchema, shape)
    },
  })
  const entries = settingNames.map((name): [SettingName, SettingSchema] => {
    const { default: unread, ...schema } = properties[name] as Readonly<Record<string, unknown>>
    const known = unread === undefined ? {} : { default: defaultIn(schema['type'], unread) }
    return [name, { ...schema, ...known, description: plain(settingTexts[name].text) }]
  })
  return Object.fromEntries(entries) as Record<SettingName, SettingSchema>
}

/** The schema of `config.json`: every setting but the home, and `NAME_FILE` for secrets. */
export function configSchema(): ConfigSchema {
  const { PAPERCLIP_HOME: _home, ...settings } = settingSchemas()
  const files = secretVariables.map((name) => [
    `${name}_FILE`,
    { type: 'string', minLength: 1, description: `The path of a file with the value of ${name}` },
  ])
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'config.json of paperclip-server',
    type: 'object',
    additionalProperties: false,
    properties: {
      $schema: { type: 'string', description: 'Where an editor finds this schema' },
      ...settings,
      ...(Object.fromEntries(files) as Record<string, SettingSchema>),
    },
  }
}
