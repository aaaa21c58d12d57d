// A configuration of an adapter as the values of a form, and back. Parts that the form does not show stay as they are.

import { fieldsOf, kindOf, limitsOf } from './adapterFields.ts'
import type { AdapterField } from './adapterFields.ts'

export type Config = Readonly<Record<string, unknown>>

/** A name with its value. A reference to a stored secret has no text of its own. */
export interface Pair {
  readonly name: string
  readonly text: string
  /** As it is stored; undefined for a new one. */
  readonly stored: unknown
}

export type FormValue = string | boolean | readonly Pair[]
export type FormValues = Readonly<Record<string, FormValue>>

const isRecord = (value: unknown): value is Config => typeof value === 'object' && value !== null && !Array.isArray(value)

/** Whether a value refers to a stored secret. */
const isReference = (value: unknown): boolean => isRecord(value) && value['type'] === 'secret_ref'

/** The secret that a value refers to; null for a text. */
export const secretIdOf = (value: unknown): string | null => (isReference(value) ? String((value as Config)['secretId']) : null)

/** A reference to the latest version of a secret. */
export const referenceTo = (secretId: string): Config => ({ type: 'secret_ref', secretId, version: 'latest' })

/** The text of a value that may be tagged. */
const textOf = (value: unknown): string => {
  if (typeof value === 'string') return value
  if (isRecord(value) && value['type'] === 'plain' && typeof value['value'] === 'string') return value['value']
  return ''
}

/** The value of a text, in the form in which it was stored. */
const valueOf = (text: string, stored: unknown): unknown =>
  isReference(stored) && text === '' ? stored : isRecord(stored) && stored['type'] === 'plain' ? { ...stored, value: text } : text

function readField(field: AdapterField, value: unknown): FormValue {
  switch (kindOf(field)) {
    case 'switch':
      return value === true
    case 'lines':
      return Array.isArray(value) ? value.map(String).join('\n') : ''
    case 'names':
      return Object.entries(isRecord(value) ? value : {}).map(([name, stored]) => ({ name, text: textOf(stored), stored }))
    case 'value':
      return [{ name: field.name, text: textOf(value), stored: value }]
    case 'json':
      return value === undefined || value === null ? '' : JSON.stringify(value, null, 2)
    case 'number':
    case 'choice':
    case 'text':
    case 'area':
      return value === undefined || value === null ? '' : typeof value === 'string' ? value : JSON.stringify(value)
  }
}

/** The values of a form for a configuration. */
export const valuesOf = (type: string, config: Config): FormValues =>
  Object.fromEntries(fieldsOf(type).map((field) => [field.name, readField(field, config[field.name])]))

/** A value that a form does not have: the field is left out of the configuration. */
const LEFT_OUT = Symbol('left out')

function pairsOf(pairs: readonly Pair[]): unknown {
  const named = pairs.filter(({ name }) => name.trim() !== '')
  if (named.length === 0) return LEFT_OUT
  return Object.fromEntries(named.map(({ name, text, stored }) => [name.trim(), valueOf(text, stored)]))
}

/** The value of a field. @param before as it is stored, so that what was empty stays as it was */
function writeField(field: AdapterField, value: FormValue, before: unknown): unknown {
  if (typeof value === 'boolean') return value ? true : before === undefined ? LEFT_OUT : before === true ? false : before
  const kind = kindOf(field)
  if (typeof value !== 'string') {
    if (kind !== 'value') return pairsOf(value)
    const [pair] = value
    return pair === undefined || (pair.text === '' && !isReference(pair.stored)) ? LEFT_OUT : valueOf(pair.text, pair.stored)
  }
  if (value === '') return LEFT_OUT
  if (kind === 'number') return Number(value)
  if (kind === 'lines') return value.replace(/\n+$/, '').split('\n')
  if (kind === 'json') return jsonFault(value) === null ? (JSON.parse(value) as unknown) : before
  return value
}

/**
 * The configuration that the values of a form make.
 * @param before the configuration that the form began with; its fields that no field of the type names are kept
 */
export function configOf(type: string, values: FormValues, before: Config): Record<string, unknown> {
  const config: Record<string, unknown> = { ...before }
  for (const field of fieldsOf(type)) {
    const value = values[field.name]
    if (value === undefined || JSON.stringify(value) === JSON.stringify(readField(field, before[field.name]))) continue
    const written = writeField(field, value, before[field.name])
    if (written === LEFT_OUT) delete config[field.name]
    else config[field.name] = written
  }
  return config
}

/** The configuration with which the form of another type begins: the fields that both types have. */
export const carriedOver = (from: string, to: string, config: Config): Config => {
  const shared = new Set(fieldsOf(from).map(({ name, type }) => `${name} ${type}`))
  const names = fieldsOf(to).filter(({ name, type }) => shared.has(`${name} ${type}`) && config[name] !== undefined)
  return Object.fromEntries(names.map(({ name }) => [name, config[name]]))
}

/** Why a value cannot be saved, in one sentence; null where it can. */
export function faultOf(field: AdapterField, value: FormValue | undefined): string | null {
  const kind = kindOf(field)
  if (kind === 'number' && typeof value === 'string' && value !== '') {
    const { min, max } = limitsOf(field)
    const isWhole = !field.type.startsWith('integer') || /^\d+$/.test(value)
    return isWhole && Number(value) >= min && Number(value) <= max ? null : `A number from ${min} to ${max}`
  }
  if (kind === 'json' && typeof value === 'string' && value !== '') return jsonFault(value)
  if (kind === 'names' && Array.isArray(value)) {
    const names = (value as readonly Pair[]).map(({ name }) => name.trim()).filter((name) => name !== '')
    return new Set(names).size === names.length ? null : 'Each name once'
  }
  return null
}

/** Why a text is no JSON object, in the words of the browser; null where it is one. */
function jsonFault(text: string): string | null {
  try {
    return isRecord(JSON.parse(text)) ? null : 'An object is expected: { … }'
  } catch (error) {
    return `This is not JSON: ${(error as Error).message}`
  }
}
