import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { adapterTypes } from '../../model/adapterTypes.ts'
import { adapterChoices, adapterFields, choicesOf, kindOf, limitsOf } from './adapterFields.ts'
import type { AdapterField } from './adapterFields.ts'

const document = readFileSync(new URL('../../../doc/generated/adapters.md', import.meta.url), 'utf8')

/** The rows of the tables of fields below a heading, up to the next heading. */
function documented(heading: string): AdapterField[] {
  const [section = ''] = (document.split(new RegExp(`^#+ ${heading}$`, 'm'))[1] ?? '').split(/^#/m)
  return [...section.matchAll(/^\| `(\w+)` \| (.*?) \| (.*?) ?\| (.*?) \|$/gm)].map(
    ([, name = '', type = '', byDefault = '', meaning = '']) => ({
      name,
      type,
      byDefault: byDefault.trim(),
      meaning,
    }),
  )
}

const own = ['process', 'http', 'openclaw_gateway']
const local = documented('Local agents')

describe('the fields of adapters', () => {
  test.each(adapterTypes)('The form of %s has the fields of the generated document, with their types, defaults and meanings', (type) => {
    const wanted = own.includes(type) ? documented(type) : [...local, ...documented(type)]
    expect(wanted.length).toBeGreaterThan(5)
    expect(adapterFields[type]).toEqual(wanted)
  })

  test('Every type of adapter can be chosen', () => {
    expect(adapterChoices.map(({ value }) => value).toSorted()).toEqual([...adapterTypes].toSorted())
  })

  test('The kind of a field, its choices and its limits follow from its type', () => {
    const byName = new Map(Object.values(adapterFields).flatMap((fields) => fields.map((field) => [field.name, field] as const)))
    const field = (name: string): AdapterField => byName.get(name) ?? expect.fail(name)
    const kinds = ['cwd', 'promptTemplate', 'args', 'yolo', 'env', 'authToken', 'method', 'graceSec', 'payloadTemplate'].map((name) =>
      kindOf(field(name)),
    )
    expect(kinds).toEqual(['text', 'area', 'lines', 'switch', 'names', 'value', 'choice', 'number', 'json'])
    expect(choicesOf(field('method'))).toEqual(['POST', 'PUT'])
    expect(choicesOf(field('sessionKeyStrategy'))).toEqual(['issue', 'fixed', 'run'])
    expect(limitsOf(field('graceSec'))).toEqual({ min: 0, max: 300 })
  })
})
