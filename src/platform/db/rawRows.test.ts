import { integer, jsonb, numeric, pgTable, text, timestamp, uuid } from 'drizzle-orm/pg-core'
import { expect, test } from 'vitest'
import { jsonColumnsOf, jsonMembers } from './rawRows.ts'

const things = pgTable('things', {
  id: uuid('id'),
  title: text('title'),
  kind: text('kind', { enum: ['small', 'large'] }),
  count: integer('count'),
  details: jsonb('details'),
  at: timestamp('at', { withTimezone: true, mode: 'string' }),
  secret: text('secret'),
})

const texts = ['plain', '', 'a "quote"', 'back\\slash', 'line\nbreak', 'nul-like \u0001 and \u001f', '\u007f \u2028 é 漢 🦄', '": ', null]

test.each(texts)('The text %j becomes the JSON that it would become as a value', (title) => {
  const membersOf = jsonMembers(jsonColumnsOf(things, ['secret']), 1)
  const id = '0b7a4a52-6a0e-4f4c-8a3e-3b1f0d0a7c11'
  const row = ['another column', id, title, 'odd "kind"', '-12', '{"b": [1, {"c": "\\": , "}], "é": null}', '2026-11-30 04:05:06.7891+00']
  expect(`{${membersOf(row)}}`).toBe(
    JSON.stringify({
      id,
      title,
      kind: 'odd "kind"',
      count: -12,
      details: { b: [1, { c: '": , ' }], é: null },
      at: '2026-11-30T04:05:06.789Z',
    }),
  )
})

test('A type without a form is refused when the program starts', () => {
  expect(() => jsonColumnsOf(pgTable('sums', { sum: numeric('sum') }))).toThrow('numeric')
})
