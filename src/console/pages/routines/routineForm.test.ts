import { describe, expect, test } from 'vitest'
import type { Routine } from '../../api/types.ts'
import { blankRoutine, blankVariable, bodyOf, runValues, startValues, typedValue, valuesOf } from './routineForm.ts'

const variables: Routine['variables'] = [
  { name: 'week', label: null, type: 'number', defaultValue: 4, required: true, options: [] },
  { name: 'sends', label: 'Sends it', type: 'boolean', defaultValue: null, required: false, options: [] },
  { name: 'kind', label: null, type: 'select', defaultValue: 'short', required: true, options: ['short', 'long'] },
]

const routine = {
  title: 'Weekly report',
  description: null,
  assigneeAgentId: 'a1',
  projectId: null,
  goalId: null,
  priority: 'high',
  concurrencyPolicy: 'skip_if_active',
  catchUpPolicy: 'skip_missed',
  variables,
} as unknown as Routine

describe('the form of a routine', () => {
  test('A routine that is not changed is sent as the server has it', () => {
    const { title, description, assigneeAgentId, projectId, goalId, priority, concurrencyPolicy, catchUpPolicy } = routine
    expect(bodyOf(valuesOf(routine))).toEqual({
      title,
      description,
      assigneeAgentId,
      projectId,
      goalId,
      priority,
      concurrencyPolicy,
      catchUpPolicy,
      variables,
    })
  })

  test('The options of a choice stand in lines, and another type has none', () => {
    const select = { ...blankVariable, name: ' kind ', type: 'select', options: ' short \n\nlong\n' } as const
    const [choice, text] = bodyOf({ ...blankRoutine, variables: [select, { ...select, type: 'text' }] }).variables
    expect(choice).toMatchObject({ name: 'kind', options: ['short', 'long'], defaultValue: null, label: null })
    expect(text?.options).toEqual([])
  })

  test('A text is sent in the type of its variable, and one that does not fit as it was typed', () => {
    expect(typedValue('number', '4.5')).toBe(4.5)
    expect(typedValue('number', 'four')).toBe('four')
    expect(typedValue('boolean', 'false')).toBe(false)
    expect(typedValue('boolean', 'maybe')).toBe('maybe')
    expect(typedValue('text', '4')).toBe('4')
  })

  test('A run begins with the defaults, and leaves out what is empty', () => {
    const start = startValues(variables)
    expect(start).toEqual({ week: '4', sends: '', kind: 'short' })
    expect(runValues(variables, { ...start, week: '5', kind: '' })).toEqual({ week: 5 })
    expect(runValues(variables, { ...start, sends: 'true' })).toEqual({ week: 4, sends: true, kind: 'short' })
  })
})
