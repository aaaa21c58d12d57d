import { z } from 'zod'
import type { Command } from './command.ts'

/** An option as it is typed, explained and completed. */
export interface OptionSyntax {
  /** Its key in the declaration. */
  readonly key: string
  /** Its name without dashes, in kebab-case. */
  readonly name: string
  readonly short?: string
  readonly kind: 'flag' | 'value' | 'list'
  readonly isRequired: boolean
  readonly description: string
  /** The values that it takes; empty where they are not a fixed list. */
  readonly choices: readonly string[]
  /** The default as text; null where there is none. */
  readonly fallback: string | null
}

interface PropertySchema {
  readonly type?: string
  readonly description?: string
  readonly default?: unknown
  readonly enum?: readonly unknown[]
  readonly items?: PropertySchema
}

const kebab = (key: string): string => key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)

const kindOf = ({ type }: PropertySchema): OptionSyntax['kind'] => {
  if (type === 'boolean') return 'flag'
  return type === 'array' ? 'list' : 'value'
}

const fallbackOf = ({ default: fallback }: PropertySchema): string | null => {
  if (fallback === undefined || fallback === false || (Array.isArray(fallback) && fallback.length === 0)) return null
  if (Array.isArray(fallback)) return fallback.join(', ')
  return typeof fallback === 'string' ? fallback : JSON.stringify(fallback)
}

/** The options of a schema, in the order of their declaration. */
function syntaxOf(options: z.ZodObject): OptionSyntax[] {
  const schema = z.toJSONSchema(options, { io: 'input', unrepresentable: 'any' })
  const required = new Set(schema.required)
  return Object.entries((schema.properties ?? {}) as Record<string, PropertySchema>).map(([key, property]) => ({
    key,
    name: kebab(key),
    kind: kindOf(property),
    isRequired: required.has(key),
    description: property.description ?? '',
    choices: (property.enum ?? property.items?.enum ?? []).map(String),
    fallback: fallbackOf(property),
  }))
}

/** Options of every command. */
const commonOptions: readonly OptionSyntax[] = [
  { name: 'json', description: 'print JSON for programs instead of text for people' },
  { name: 'help', short: 'h', description: 'show this help' },
].map((option) => ({ key: option.name, kind: 'flag', isRequired: false, choices: [], fallback: null, ...option }))

/** Options of every command that speaks to a server or opens a database. */
const serverOptions: readonly OptionSyntax[] = [
  { name: 'url', description: 'the address of the server; otherwise PAPERCLIP_URL, or the server of the home' },
  { name: 'home', description: 'the home of the server; otherwise PAPERCLIP_HOME, or ~/.paperclip-server' },
].map((option) => ({ key: option.name, kind: 'value', isRequired: false, choices: [], fallback: null, ...option }))

/** The shared options that mean something for a command. All commands accept all of them. */
export const shownOptions = ({ offline }: Command): readonly OptionSyntax[] => (offline === true ? commonOptions : sharedOptions)

/** Options that every command takes beside its own. */
export const sharedOptions: readonly OptionSyntax[] = [...serverOptions, ...commonOptions]

/** The options of a command that are not given by position. */
export const namedOptions = ({ options, positionals }: Command): OptionSyntax[] =>
  syntaxOf(options).filter(({ key }) => !positionals.includes(key))

/** The options of a command that are given by position, in their order. */
export function positionalOptions({ options, positionals }: Command): OptionSyntax[] {
  const byKey = new Map(syntaxOf(options).map((option) => [option.key, option]))
  return positionals.map((key) => {
    const option = byKey.get(key)
    if (option === undefined) throw new Error(`The positional ${key} is no option of its command`)
    return option
  })
}
