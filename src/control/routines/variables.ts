// The variables of a routine: their definitions, the values of a run, and the texts in which they stand. Pure.

import type { RoutineVariable, VariableValue } from '../../model/routines.ts'
import { refuse } from '../../platform/kernel/errors.ts'

/** The longest value of a text, in characters. */
export const MAX_VALUE = 10_000
/** The longest title and description of an issue, in characters. */
const TITLE_MAX = 500
const TEXT_MAX = 200_000

type Variable = Pick<RoutineVariable, 'name' | 'type' | 'options'>

const isText = (value: unknown): value is string => typeof value === 'string' && value.length <= MAX_VALUE

/** A number that was sent as one, or as the text of one: forms and queries send texts. */
function numberOf(value: unknown): number | null {
  if (typeof value === 'number') return Number.isFinite(value) ? value : null
  if (typeof value !== 'string' || !/^\s*-?\d+(\.\d+)?([eE][+-]?\d+)?\s*$/.test(value)) return null
  const number = Number(value)
  return Number.isFinite(number) ? number : null
}

function booleanOf(value: unknown): boolean | null {
  if (typeof value === 'boolean') return value
  if (value === 'true') return true
  return value === 'false' ? false : null
}

/** A value in the type of its variable; null for one that does not fit. */
export function valueOf({ type, options }: Variable, value: unknown): VariableValue | null {
  switch (type) {
    case 'text':
      return isText(value) && !/[\r\n]/.test(value) ? value : null
    case 'textarea':
      return isText(value) ? value : null
    case 'number':
      return numberOf(value)
    case 'boolean':
      return booleanOf(value)
    case 'select':
      return isText(value) && options.includes(value) ? value : null
  }
}

const isGiven = (value: unknown): boolean => value !== undefined && value !== null && value !== ''

/** Why the definitions of variables are none, as a sentence; null when they are. */
export function variablesProblem(variables: readonly RoutineVariable[]): string | null {
  const names = new Set<string>()
  for (const variable of variables) {
    const { name, type, options, defaultValue } = variable
    if (names.has(name)) return `Two variables are named ${name}`
    names.add(name)
    if (type === 'select' && options.length === 0) return `The variable ${name} has no options`
    if (type !== 'select' && options.length > 0) return `Only a select has options, and the variable ${name} is none`
    if (defaultValue !== null && valueOf(variable, defaultValue) === null)
      return `The default of the variable ${name} does not fit its type`
  }
  return null
}

/** The required variables without a default: a schedule could never give them. */
export const withoutDefault = (variables: readonly RoutineVariable[]): string[] =>
  variables.filter(({ required, defaultValue }) => required && defaultValue === null).map(({ name }) => name)

/**
 * The values of a run by name. A value that is not given is the default, or the empty text.
 * @param given what the request or the payload says; other names in it are ignored
 * @throws Refusal `unprocessable`, naming the variables that are missing or do not fit
 */
export function resolveVariables(
  variables: readonly RoutineVariable[],
  given: Readonly<Record<string, unknown>>,
): ReadonlyMap<string, VariableValue> {
  const values = new Map<string, VariableValue>()
  const missing: string[] = []
  const unfit: string[] = []
  for (const variable of variables) {
    const { name, defaultValue, required } = variable
    const sent = Object.hasOwn(given, name) ? given[name] : undefined
    if (isGiven(sent)) {
      const value = valueOf(variable, sent)
      if (value === null) unfit.push(name)
      else values.set(name, value)
    } else if (defaultValue !== null) values.set(name, defaultValue)
    else if (required) missing.push(name)
    else values.set(name, '')
  }
  if (missing.length > 0) refuse('unprocessable', { message: `Missing values of variables: ${missing.join(', ')}`, details: { missing } })
  if (unfit.length > 0) refuse('unprocessable', { message: `Values do not fit their variables: ${unfit.join(', ')}`, details: { unfit } })
  return values
}

const PLACE = /\{\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*\}\}/g

/** Fills in the values of a text. A value is never read as a text with variables itself, and a name without a variable stays as it is. */
export const fillIn = (text: string, values: ReadonlyMap<string, VariableValue>): string =>
  text.replaceAll(PLACE, (whole, name: string) => {
    const value = values.get(name)
    return value === undefined ? whole : String(value)
  })

/** The length of a text with its values, before it is made: a name may stand in it twenty thousand times, and its value may be as long. */
function filledLength(text: string, values: ReadonlyMap<string, VariableValue>): number {
  let length = text.length
  for (const [whole, name = ''] of text.matchAll(PLACE)) {
    const value = values.get(name)
    if (value !== undefined) length += String(value).length - whole.length
  }
  return length
}

export interface IssueTexts {
  readonly title: string
  readonly description: string | null
}

/** The texts of the issue of a run. @throws Refusal `unprocessable` for a title that is empty, and for texts that are too long */
export function textsOf(template: IssueTexts, values: ReadonlyMap<string, VariableValue>): IssueTexts {
  // A title is one line, whatever a value has.
  const title = fillIn(template.title, values).replaceAll(/\s+/g, ' ').trim()
  if (title === '') refuse('unprocessable', { message: 'The title is empty with these values' })
  if (title.length > TITLE_MAX) refuse('unprocessable', { message: `The title has more than ${TITLE_MAX} characters with these values` })
  if (template.description === null) return { title, description: null }
  if (filledLength(template.description, values) > TEXT_MAX)
    refuse('unprocessable', { message: `The description has more than ${TEXT_MAX} characters with these values` })
  return { title, description: fillIn(template.description, values) }
}
