// The largest bodies that a route takes, filled with what costs a reader most: made from the schema of the route.

import type { Route } from '../../http/route.ts'
import { bodySchema, formWith, querySchema } from './exampleRequests.ts'
import type { JsonSchema } from './exampleRequests.ts'

/** Texts that have cost a parser or a pattern more than their length. Each is repeated until the field is full. */
const hostileTexts: Readonly<Record<string, string>> = {
  letters: 'x',
  newlines: '\n',
  'at signs': '@',
  'at signs between spaces': ' @a',
  backticks: '`',
  'growing backticks': '` `` ``` ',
  brackets: '[',
  'nested links': '[a](',
  images: '![[]()',
  stars: '*a _b ',
  'tags that do not close': '<a ',
  'code elements': '<pre>@a',
  'HTML blocks': '\n<div>@a\n',
  quotes: '> ',
  'nested lists': '- ',
  entities: '&a;&#1;',
  definitions: '[a]: b\n',
  tables: '|a',
  backslashes: '\\@',
  'bearer words': 'bearer ',
  'bearer tokens': 'bearer abcdefghijklmnop ',
  'addresses with a password': '://a:',
  'users of curl': '-u a',
  assignments: 'token=a&',
  'names of secrets': 'token-',
  'beginnings of keys': '-----BEGIN PRIVATE KEY-----',
  'beginnings of signed tokens': 'eyJaaaaaa.',
  'hooks of Slack': 'hooks.slack.com/services/',
  'control characters': '\u0001',
  'Chinese letters': '漢',
  'combined characters': 'a\u0301\u0327',
  pictures: '😀',
}

/** Keys and entries of a value, below the 10,000 that a body may have. */
const MANY = 9_900

/** Levels of nesting of a list inside a value; a body may have 64 in all. */
const DEPTH = 58

function deepest(): unknown {
  let value: unknown = 0
  for (let level = 0; level < DEPTH; level += 1) value = [value]
  return value
}

const keys = (count: number, name: (index: number) => string, value: unknown): Record<string, unknown> =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [name(index), value]))
const entries = (count: number, value: unknown): unknown[] => Array.from({ length: count }, () => value)

/** Values without a schema, such as `metadata`: each function makes one of at most so many bytes. */
export const hostileValues: Readonly<Record<string, (bytes: number) => unknown>> = {
  'many keys': () => keys(MANY, (index) => `k${index}`, 0),
  'many entries': () => ({ a: entries(MANY, 0) }),
  'many objects': () => ({ a: entries(MANY / 2, { a: 0 }) }),
  'many texts': (bytes) => ({ a: entries(MANY, 'x'.repeat(Math.max(1, Math.floor(bytes / MANY) - 4))) }),
  'many deep lists': () => ({ a: entries(MANY / DEPTH - 5, deepest()) }),
  'many variables': () => ({ env: keys(MANY, (index) => `K${index}`, 'v') }),
  'many secret names': (bytes) => keys(Math.min(MANY, Math.floor(bytes / 24)), (index) => `api_key_${index}`, 'v'),
  'many arguments': () => ({ args: entries(MANY, '--token=v') }),
  'a long key': (bytes) => ({ ['k'.repeat(bytes - 20)]: 1 }),
  'more keys than a body may have': (bytes) => keys(Math.floor(bytes / 11), (index) => `k${index}`, 0),
  'more entries than a body may have': (bytes) => ({ a: entries(Math.floor(bytes / 2) - 10, 0) }),
}

const jsonBytes = (text: string): number => Buffer.byteLength(JSON.stringify(text)) - 2

/** A text of at most `maxLength` characters and `bytes` bytes of JSON, which survives a trim. */
function textOf(unit: string, maxLength: number, bytes: number): string {
  const count = Math.min(Math.floor((maxLength - 2) / unit.length), Math.floor((bytes - 4) / jsonBytes(unit)))
  return count <= 0 ? 'x'.repeat(Math.max(1, Math.min(maxLength, bytes))) : `x${unit.repeat(count)}y`
}

/** The text and the value that fill a body. */
export interface Filling {
  readonly name: string
  readonly text: string
  readonly value: (bytes: number) => unknown
}

const isObject = (schema: JsonSchema): boolean => schema.type === 'object' || schema.properties !== undefined
const variantsOf = (schema: JsonSchema): readonly JsonSchema[] => schema.anyOf ?? schema.oneOf ?? []
/** Patterns, formats and words of a list leave nothing to fill. */
const isFixed = (schema: JsonSchema): boolean =>
  schema.enum !== undefined || schema.const !== undefined || schema.format !== undefined || schema.pattern !== undefined

/** The largest value of a schema in about so many bytes; undefined where only the plain example fits. */
function fill(schema: JsonSchema, bytes: number, filling: Filling): unknown {
  if (isFixed(schema)) return undefined
  const variant = variantsOf(schema).find((each) => each.type !== 'null' && !isFixed(each))
  if (variant !== undefined) return fill(variant, bytes, filling)
  if (schema.type === 'string') return textOf(filling.text, schema.maxLength ?? bytes, bytes)
  if (schema.type === 'array') return fillList(schema, bytes, filling)
  if (isObject(schema) && Object.keys(schema.properties ?? {}).length > 0) return fillObject(schema, bytes, filling)
  if (isObject(schema) || schema.type === undefined) return filling.value(bytes)
  return undefined
}

function fillList({ items = {}, maxItems }: JsonSchema, bytes: number, filling: Filling): unknown {
  const count = Math.min(maxItems ?? Infinity, Math.floor(bytes / 64))
  const item = fill(items, Math.floor(bytes / count) - 8, filling)
  return item === undefined ? undefined : Array.from({ length: count }, () => item)
}

/** How many bytes a schema can take at most. */
function roomOf(schema: JsonSchema): number {
  if (isFixed(schema)) return 0
  const variant = variantsOf(schema).find((each) => each.type !== 'null' && !isFixed(each))
  if (variant !== undefined) return roomOf(variant)
  if (schema.type === 'string') return (schema.maxLength ?? 1e9) * 6
  return schema.type === 'array' || schema.type === undefined || isObject(schema) ? 1e9 : 0
}

/** Small fields first, so that what they leave is for the large ones. */
function fillObject(schema: JsonSchema, bytes: number, filling: Filling): Record<string, unknown> {
  const fields = Object.entries(schema.properties ?? {}).filter(([, field]) => roomOf(field) > 0)
  const filled: Record<string, unknown> = {}
  let left = bytes - 4
  for (const [index, [name, field]] of fields.toSorted(([, a], [, b]) => roomOf(a) - roomOf(b)).entries()) {
    const value = fill(field, Math.floor(left / (fields.length - index)) - name.length - 8, filling)
    if (value === undefined) continue
    filled[name] = value
    left -= Buffer.byteLength(JSON.stringify(value)) + name.length + 5
  }
  return filled
}

/** The forms of a body: one for each variant of its schema. */
const formsOf = (schema: JsonSchema): readonly JsonSchema[] => {
  const variants = variantsOf(schema)
  return variants.length === 0 ? [schema] : variants.flatMap(formsOf)
}

/** One body of a route, and what it is filled with. It is made when it is needed. */
export interface LargeBody {
  readonly name: string
  /** @param example a body that the route accepts; its plain fields are kept */
  readonly build: (example: Readonly<Record<string, unknown>>) => Record<string, unknown>
}

/**
 * The largest bodies of a route with one filling: all fields at once, and each large field by itself, because a route may refuse
 * two of them together.
 */
export function largestBodies(route: Route, filling: Filling): LargeBody[] {
  const schema = bodySchema(route)
  return schema === undefined ? [] : formsOf(schema).flatMap((form) => bodiesOf(form, route.bodyLimit, filling))
}

function bodiesOf(form: JsonSchema, bodyLimit: number, filling: Filling): LargeBody[] {
  const withFields = (name: string, fields: (bytes: number) => Record<string, unknown>): LargeBody => ({
    name: `${filling.name} in ${name}`,
    build(example) {
      const plain = { ...example, ...constantsOf(form) }
      return { ...plain, ...fields(bodyLimit - Buffer.byteLength(JSON.stringify(plain)) - 64) }
    },
  })
  const large = Object.entries(form.properties ?? {}).filter(([, field]) => roomOf(field) >= LARGE_FIELD_BYTES)
  return [
    withFields('all fields', (bytes) => fillObject(form, bytes, filling)),
    ...large.map(([name, field]) => withFields(name, (bytes) => ({ [name]: fill(field, bytes - name.length - 8, filling) }))),
  ]
}

/** A field that can have fewer bytes costs little by itself. */
const LARGE_FIELD_BYTES = 20_000

const constantsOf = (form: JsonSchema): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(form.properties ?? {}).flatMap(([name, field]) => (field.const === undefined ? [] : [[name, field.const]])),
  )

/** Every filling: each text with a plain value, and each value with a plain text. */
export const fillings: readonly Filling[] = [
  ...Object.entries(hostileTexts).map(([name, text]) => ({ name, text, value: textsIn(text) })),
  ...Object.entries(hostileValues).map(([name, value]) => ({ name, text: 'x', value })),
]

/** A value without a schema that has one text as large as it may be, and a hundred short ones. */
function textsIn(unit: string): (bytes: number) => unknown {
  return (bytes) => ({
    long: textOf(unit, bytes, Math.floor(bytes * 0.8)),
    short: Array.from({ length: 100 }, () => textOf(unit, bytes, Math.floor(bytes / 600))),
  })
}

/** Longest query: the head of a request has at most 16 KB. */
const QUERY_BYTES = 12_000

/** The largest queries of a route: the longest page, and each text as long as it may be. */
export function fullQueries(route: Route): Record<string, string> {
  const properties = querySchema(route)?.properties ?? {}
  const queries: Record<string, string> = {
    'the longest page': 'limit' in properties ? `limit=${properties['limit']?.maximum ?? 1000}` : '',
  }
  for (const [name, field] of Object.entries(properties)) {
    if (roomOf(field) === 0 || name === 'limit') continue
    for (const unit of ['a ', '%', 'a,', '@'])
      queries[`${JSON.stringify(unit)} in ${name}`] =
        `${name}=${encodeURIComponent(textOf(unit, field.maxLength ?? QUERY_BYTES, QUERY_BYTES / 3))}`
  }
  return queries
}

const svgOf = (content: string, bytes: number): string => {
  const [head, tail] = ['<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0"/>', '</svg>']
  return head + content.repeat(Math.floor((bytes - head.length - tail.length) / content.length)) + tail
}

/** A form with a text of so many bytes as its file. */
const fileOf = (content: string, type: string, name: string) => formWith(Buffer.from(content), type, name)

/** Drawings may have a megabyte; a larger one is refused before it is read. */
const DRAWING_BYTES = 256 * 1024

/** Files that cost a reader most, each of at most so many bytes. */
export const hostileFiles: Readonly<Record<string, (bytes: number) => FormData>> = {
  'a drawing of many elements': () => fileOf(svgOf('<path d="M0 0"/>', DRAWING_BYTES), 'image/svg+xml', 'a.svg'),
  'beginnings of boundaries': (bytes) => fileOf('\r\n--'.repeat(Math.floor(bytes / 4)), 'text/plain', 'a.txt'),
  'a long name': (bytes) => fileOf('x'.repeat(bytes), 'text/plain', '\u200b../'.repeat(1000)),
  newlines: (bytes) => fileOf('\n'.repeat(bytes), 'text/plain', 'a.txt'),
  'Chinese letters': (bytes) => fileOf('漢'.repeat(Math.floor(bytes / 3)), 'text/plain', 'a.txt'),
  'a drawing of many attributes': () => fileOf(svgOf(`<path ${'d="M" '.repeat(1000)}/>`, DRAWING_BYTES), 'image/svg+xml', 'a.svg'),
  'a drawing of parentheses': () => fileOf(svgOf(`<path style="${'rgb('.repeat(400)}"/>`, DRAWING_BYTES), 'image/svg+xml', 'a.svg'),
  'a drawing of entities': () => fileOf(svgOf('<text>&amp;&lt;</text>', DRAWING_BYTES), 'image/svg+xml', 'a.svg'),
  'a drawing of one outline': () =>
    fileOf(svgOf('', 100).replace('M0 0', 'M0 0 '.repeat(DRAWING_BYTES / 5 - 100)), 'image/svg+xml', 'a.svg'),
  'a drawing of open elements': () => fileOf(`<svg>${'<a'.repeat(DRAWING_BYTES / 2 - 10)}`, 'image/svg+xml', 'a.svg'),
}
