import { describe, expect, test } from 'vitest'
import type { RoutineVariable } from '../../model/routines.ts'
import { fillIn, resolveVariables, textsOf, valueOf, variablesProblem } from './variables.ts'

const variable = (fields: Partial<RoutineVariable>): RoutineVariable => ({
  name: 'v',
  label: null,
  type: 'text',
  defaultValue: null,
  required: true,
  options: [],
  ...fields,
})

describe('the values of variables', () => {
  test('A value of each type is taken in its own form or as the text of it, and nothing else is', () => {
    expect(valueOf(variable({ type: 'number' }), '12.5')).toBe(12.5)
    expect(['', 'x', '1e999', 'NaN', '0x10', {}].map((value) => valueOf(variable({ type: 'number' }), value))).toEqual(
      Array.from({ length: 6 }, () => null),
    )
    expect(['true', true, 'yes', 1].map((value) => valueOf(variable({ type: 'boolean' }), value))).toEqual([true, true, null, null])
    expect(['a', 'b'].map((value) => valueOf(variable({ type: 'select', options: ['a'] }), value))).toEqual(['a', null])
    expect(valueOf(variable({ type: 'text' }), 'two\nlines')).toBeNull()
    expect(valueOf(variable({ type: 'textarea' }), 'two\nlines')).toBe('two\nlines')
    expect(valueOf(variable({ type: 'text' }), 'x'.repeat(10_001))).toBeNull()
  })

  test('Missing values of required variables and values that do not fit are refused with their names', () => {
    const variables = [variable({ name: 'a' }), variable({ name: 'b', type: 'number' }), variable({ name: 'c', defaultValue: 'x' })]
    expect(() => resolveVariables(variables, { b: 1 })).toThrow('Missing values of variables: a')
    expect(() => resolveVariables(variables, { a: '', b: 1 })).toThrow('Missing values of variables: a')
    expect(() => resolveVariables(variables, { a: 'y', b: 'many' })).toThrow('Values do not fit their variables: b')
    expect(Object.fromEntries(resolveVariables(variables, { a: 'y', b: '2', d: 'unknown' }))).toEqual({ a: 'y', b: 2, c: 'x' })
  })

  test('A value that looks like a variable stays a text, and a name without a variable stays as it is', () => {
    const values = new Map([
      ['a', '{{b}}'],
      ['b', 'secret'],
    ])
    expect(fillIn('{{a}} and {{ b }} and {{unknown}} and {{constructor}}', values)).toBe(
      '{{b}} and secret and {{unknown}} and {{constructor}}',
    )
  })

  test('A title is one line, and one that is empty or too long is refused', () => {
    expect(textsOf({ title: 'Do {{a}}', description: '{{a}}' }, new Map([['a', ' x\n y ']])).title).toBe('Do x y')
    expect(() => textsOf({ title: '{{a}}', description: null }, new Map([['a', '']]))).toThrow('The title is empty')
    expect(() => textsOf({ title: '{{a}}', description: null }, new Map([['a', 'x'.repeat(501)]]))).toThrow('500 characters')
  })

  test('A description is refused for its length before it is made, and one that just fits is made', () => {
    const values = new Map([['a', 'x'.repeat(10_000)]])
    // Made first, it would be longer than any text of this program.
    expect(() => textsOf({ title: 'T', description: '{{a}}'.repeat(60_000) }, values)).toThrow('more than 200000 characters')
    expect(() => textsOf({ title: 'T', description: `${'{{ a }}'.repeat(20)}.` }, values)).toThrow('more than 200000 characters')
    expect(textsOf({ title: 'T', description: '{{ a }}'.repeat(20) }, values).description).toHaveLength(200_000)
  })

  test('Definitions that contradict themselves are named', () => {
    expect(variablesProblem([variable({}), variable({})])).toMatch(/Two variables/)
    expect(variablesProblem([variable({ type: 'select' })])).toMatch(/no options/)
    expect(variablesProblem([variable({ options: ['a'] })])).toMatch(/Only a select/)
    expect(variablesProblem([variable({ type: 'number', defaultValue: 'many' })])).toMatch(/does not fit/)
    expect(variablesProblem([variable({ type: 'select', options: ['a'], defaultValue: 'a' })])).toBeNull()
  })
})
