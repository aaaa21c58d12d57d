// The form of a routine: what is typed, and what is sent. Pure.

import type { Routine } from '../../api/types.ts'

type Variable = Routine['variables'][number]
export type VariableType = Variable['type']
type Value = string | number | boolean

/** A variable while it is typed: every field is a text. */
export interface VariableDraft {
  readonly name: string
  readonly label: string
  readonly type: VariableType
  readonly defaultValue: string
  readonly required: boolean
  /** The values of a choice, one in each line. */
  readonly options: string
}

export const blankVariable: VariableDraft = { name: '', label: '', type: 'text', defaultValue: '', required: true, options: '' }

/** The fields of a routine while they are typed. */
export interface RoutineValues {
  readonly title: string
  readonly description: string
  readonly assigneeAgentId: string
  readonly projectId: string
  readonly goalId: string
  readonly priority: Routine['priority']
  readonly concurrencyPolicy: Routine['concurrencyPolicy']
  readonly catchUpPolicy: Routine['catchUpPolicy']
  readonly variables: readonly VariableDraft[]
}

export const blankRoutine: RoutineValues = {
  title: '',
  description: '',
  assigneeAgentId: '',
  projectId: '',
  goalId: '',
  priority: 'medium',
  concurrencyPolicy: 'coalesce_if_active',
  catchUpPolicy: 'skip_missed',
  variables: [],
}

/** The fields as the API takes them. */
export interface RoutineBody {
  readonly title: string
  readonly description: string | null
  readonly assigneeAgentId: string | null
  readonly projectId: string | null
  readonly goalId: string | null
  readonly priority: Routine['priority']
  readonly concurrencyPolicy: Routine['concurrencyPolicy']
  readonly catchUpPolicy: Routine['catchUpPolicy']
  readonly variables: readonly Variable[]
}

const draftOf = ({ name, label, type, defaultValue, required, options }: Variable): VariableDraft => ({
  name,
  label: label ?? '',
  type,
  defaultValue: defaultValue === null ? '' : String(defaultValue),
  required,
  options: options.join('\n'),
})

/** A text in the type of a variable. One that does not fit stays a text, and the server says so. */
export function typedValue(type: VariableType, text: string): Value {
  if (type === 'boolean' && (text === 'true' || text === 'false')) return text === 'true'
  const number = Number(text)
  return type === 'number' && text.trim() !== '' && Number.isFinite(number) ? number : text
}

const linesOf = (text: string): string[] =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')

const variableOf = ({ name, label, type, defaultValue, required, options }: VariableDraft): Variable => ({
  name: name.trim(),
  label: label.trim() === '' ? null : label.trim(),
  type,
  defaultValue: defaultValue === '' ? null : typedValue(type, defaultValue),
  required,
  options: type === 'select' ? linesOf(options) : [],
})

/** The form of a routine of the server. */
export const valuesOf = (routine: Routine): RoutineValues => ({
  title: routine.title,
  description: routine.description ?? '',
  assigneeAgentId: routine.assigneeAgentId ?? '',
  projectId: routine.projectId ?? '',
  goalId: routine.goalId ?? '',
  priority: routine.priority,
  concurrencyPolicy: routine.concurrencyPolicy,
  catchUpPolicy: routine.catchUpPolicy,
  variables: routine.variables.map(draftOf),
})

const orNull = (text: string): string | null => (text === '' ? null : text)

/** The fields that are sent for a form. */
export const bodyOf = ({ title, description, assigneeAgentId, projectId, goalId, variables, ...rest }: RoutineValues): RoutineBody => ({
  ...rest,
  title: title.trim(),
  description: orNull(description),
  assigneeAgentId: orNull(assigneeAgentId),
  projectId: orNull(projectId),
  goalId: orNull(goalId),
  variables: variables.map(variableOf),
})

/** The values with which a run by hand begins: the defaults, as texts. */
export const startValues = (variables: readonly Variable[]): Readonly<Record<string, string>> =>
  Object.fromEntries(variables.map(({ name, defaultValue }) => [name, defaultValue === null ? '' : String(defaultValue)]))

/** The values of a run. One that is empty is left to its default. */
export const runValues = (variables: readonly Variable[], typed: Readonly<Record<string, string>>): Readonly<Record<string, Value>> =>
  Object.fromEntries(
    variables.flatMap(({ name, type }) => {
      const text = typed[name] ?? ''
      return text === '' ? [] : [[name, typedValue(type, text)]]
    }),
  )
