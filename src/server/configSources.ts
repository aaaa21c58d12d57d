// The configuration of a home and where each value of it comes from, for `paperclip-server config`.

import { homeOf, readConfig, variableNames } from './config.ts'
import type { ConfigResult } from './config.ts'
import { layerSettings, mayBeEmpty, readConfigFile } from './configFile.ts'
import type { ConfigFile } from './configFile.ts'
import { settingNames, settingSchemas } from './configSchema.ts'
import { settingTexts } from './settingTexts.ts'
import type { SettingName } from './settingTexts.ts'
import { nearestSetting } from './unknownVariables.ts'
import { secretVariables } from './secretVariables.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** One setting as it is in force. */
export interface SettingSource {
  readonly name: SettingName
  /** The value as text; null where there is none. A secret is `(secret)`. */
  readonly value: string | null
  readonly source: 'environment' | 'file' | 'default'
  /** The behaviour without a value, or the file that a secret is read from. */
  readonly note: string | null
}

/** Shown in place of a secret. */
const COVERED = '(secret)'

/** The settings in the file of the home that the environment names. */
export const configFileOf = (env: Environment): ConfigFile =>
  readConfigFile(homeOf(env), { known: variableNames, nearest: (name) => nearestSetting(name, variableNames) })

/** Reads the configuration as a start does, from the environment and the file of the home. */
export const readHomeConfig = (env: Environment): ConfigResult => readConfig(env, configFileOf(env))

/** An address without its password: also one that is no secret for this server may have one. */
function withoutPassword(value: string): string {
  if (!URL.canParse(value)) return value
  const url = new URL(value)
  if (url.password === '') return value
  url.password = COVERED
  return url.href
}

const isGiven = (name: string, value: string | undefined): value is string => value !== undefined && (value !== '' || mayBeEmpty(name))

/** Shows each setting and where it comes from. No secret is in the answer, also no part of one. */
export function showSettings(env: Environment, file: ConfigFile): SettingSource[] {
  const { values, fromFile } = layerSettings(env, file)
  const schemas = settingSchemas()
  const secrets: readonly string[] = secretVariables
  const sourceOf = (name: string): 'file' | 'environment' => (fromFile.has(name) ? 'file' : 'environment')
  return settingNames.map((name) => {
    const value = values[name]
    const path = secrets.includes(name) ? values[`${name}_FILE`] : undefined
    if (isGiven(name, value))
      return { name, value: secrets.includes(name) ? COVERED : withoutPassword(value), source: sourceOf(name), note: null }
    if (path !== undefined && path !== '') return { name, value: COVERED, source: sourceOf(`${name}_FILE`), note: `from ${path}` }
    const { default: fallback } = schemas[name]
    const text = Array.isArray(fallback) ? fallback.join(',') : typeof fallback === 'string' ? fallback : JSON.stringify(fallback ?? '')
    const isValue = text !== '' && text !== '""'
    return {
      name,
      value: isValue ? text : null,
      source: 'default',
      note: isValue ? null : (settingTexts[name].unset ?? 'none').replaceAll('`', ''),
    }
  })
}
