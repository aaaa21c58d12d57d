import { expect, test } from 'vitest'
import { rowMakerOf } from './rowMaker.ts'

const text = (value: string): string => value
const field = (name: string, format = 'text') => ({ name, format })

test('A row has the columns in their order, each with the value of its parser, and null where a column is null', () => {
  const maker = rowMakerOf(
    [field('id'), field('two words'), field(`it's "quoted" \\ and\n\u2028broken`), field('id2')],
    [Number, text, text, Number],
  )
  const row = maker?.(['7', 'a', 'b', null])
  expect(row).toEqual({ id: 7, 'two words': 'a', [`it's "quoted" \\ and\n\u2028broken`]: 'b', id2: null })
  expect(Object.keys(row ?? {})).toEqual(['id', 'two words', `it's "quoted" \\ and\n\u2028broken`, 'id2'])
  expect(Object.getPrototypeOf(row)).toBe(Object.prototype)
})

test('Of two columns with one name the later counts, as in a row of the driver', () => {
  expect(rowMakerOf([field('id'), field('id')], [Number, text])?.(['1', '2'])).toEqual({ id: '2' })
})

test('Connections with the same columns and other parsers each get the values of their own', () => {
  const makers = [Number, text].map((parser) => rowMakerOf([field('same')], [parser]))
  expect(makers.map((maker) => maker?.(['1']))).toEqual([{ same: 1 }, { same: '1' }])
})

test('The driver makes rows with values that are no text', () => {
  expect(rowMakerOf([field('id'), field('bytes', 'binary')], [Number, text])).toBeUndefined()
})

test('A failure of a parser reaches the caller, who leaves it to the driver', () => {
  expect(() => rowMakerOf([field('json')], [JSON.parse as (value: string) => unknown])?.(['{'])).toThrow(SyntaxError)
})
