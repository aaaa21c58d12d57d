import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { parseSync } from 'oxc-parser'
import { expect, test } from 'vitest'
import { MAX_FUNCTION_LINES, longFunctions } from '../docs/lintConfig.ts'
import { findAll, rootName } from '../docs/syntax.ts'
import type { Node } from '../docs/syntax.ts'

// The lint holds the sizes of the program. A callback of `describe` is a list of tests and may be long, which the lint
// cannot tell from a long test; so the functions of tests are measured here, by the same limit.

const root = path.resolve(import.meta.dirname, '../../..')
const sources = readdirSync(path.join(root, 'src'), { recursive: true, encoding: 'utf8' }).filter((file) => /\.tsx?$/.test(file))

const isFunction = ({ type }: Node): boolean => ['ArrowFunctionExpression', 'FunctionExpression', 'FunctionDeclaration'].includes(type)

/** Functions longer than the limit, except lists of tests: each as file, first line and length. */
function longFunctionsIn(file: string, text: string): string[] {
  const { program } = parseSync(file, text)
  const describes = findAll(program, (node) => node.type === 'CallExpression' && rootName(node['callee']) === 'describe')
  const listsOfTests = new Set(describes.flatMap((call) => call['arguments'] as unknown[]))
  const lineOf = (offset: number): number => text.slice(0, offset).split('\n').length
  return findAll(program, isFunction)
    .filter((node) => !listsOfTests.has(node) && lineOf(node.end) - lineOf(node.start) >= MAX_FUNCTION_LINES)
    .map((node) => `${file}:${lineOf(node.start)} has ${lineOf(node.end) - lineOf(node.start) + 1} lines`)
}

const found = sources.flatMap((file) => longFunctionsIn(`src/${file}`, readFileSync(path.join(root, 'src', file), 'utf8')))

test('No function is longer than the limit, except those on the list', () => {
  const excepted = new Set(longFunctions.map(({ file }) => file))
  expect(found.filter((line) => !excepted.has(line.split(':')[0] ?? ''))).toEqual([])
})

test('Every exception from the limit is still needed', () => {
  expect(longFunctions.filter(({ file }) => !found.some((line) => line.startsWith(`${file}:`)))).toEqual([])
})

test('The measure finds a planted function that is too long, and passes a list of tests', () => {
  const lines = 'count += 1\n'.repeat(MAX_FUNCTION_LINES)
  expect(longFunctionsIn('a.ts', `let count = 0\nfunction long() {\n${lines}}\n`)).toEqual(['a.ts:2 has 62 lines'])
  expect(longFunctionsIn('a.test.ts', `test('A long test counts as a function', () => {\n${lines}})\n`)).toHaveLength(1)
  expect(longFunctionsIn('a.test.ts', `describe('a unit', () => {\n${lines}})\n`)).toEqual([])
})
