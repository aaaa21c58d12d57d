import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { declaredTests } from './declaredTests.ts'
import type { DeclaredTest } from './declaredTests.ts'

const root = path.resolve(import.meta.dirname, '../../..')
const page = readFileSync(path.join(root, 'doc/INVARIANTS.md'), 'utf8')
const citations = [...page.matchAll(/`(src\/[\w./]+\.test\.ts)`: "((?:[^"\\]|\\")+)"/g)].map(
  ([, file = '', title = '']) => [file, title.replaceAll('\\"', '"')] as const,
)
const sections = page.split(/^## /m).filter((section) => /^I\d+:/.test(section))

const testsByFile = new Map<string, readonly DeclaredTest[]>()
function testsOf(file: string): readonly DeclaredTest[] {
  const cached = testsByFile.get(file)
  if (cached !== undefined) return cached
  const fullPath = path.join(root, file)
  const tests = existsSync(fullPath) ? declaredTests(file, readFileSync(fullPath, 'utf8')) : []
  testsByFile.set(file, tests)
  return tests
}

/** A citation is a title, or, where the title alone says little, the titles of the suites and of the test: `suite > test`. */
const isDeclared = (file: string, cited: string): boolean => testsOf(file).some(({ title, name }) => cited === title || cited === name)

describe('doc/INVARIANTS.md', () => {
  test('The page lists every invariant with its tests', () => {
    expect(sections.map((section) => /^I\d+/.exec(section)?.[0])).toEqual(Array.from({ length: 23 }, (_, index) => `I${index + 1}`))
    for (const section of sections) expect(section, section.slice(0, 20)).toMatch(/^- `src\/[\w./]+\.test\.ts`: "/m)
  })

  test.each(citations)('The file %s has a test titled "%s"', (file, title) => {
    expect(isDeclared(file, title), 'no test of that title runs').toBe(true)
  })
})

describe('declaredTests', () => {
  test('It finds tests, also with a modifier, with a table, and in a suite', () => {
    const source = [
      "test('One', () => {})",
      "test.concurrent('Two', () => {})",
      "test.each([1])('Three %i', () => {})",
      "test.each`a\n${1}`('Four $a', () => {})",
      "describe('Suite', () => { it('Five', () => {}) })",
      'test(`Six ${name}`, () => {})',
      "test.skipIf(isSlow)('Seven', () => {})",
    ]
    const names = declaredTests('a.test.ts', source.join('\n')).map(({ name }) => name)
    expect(names).toEqual(['One', 'Two', 'Three %i', 'Four $a', 'Suite > Five', 'Six …', 'Seven'])
  })

  test('A comment, a text, a suite, and a test that is skipped, to do or expected to fail do not count as tests', () => {
    const source = [
      "// test('In a comment', () => {})",
      `const text = "test('In a text', () => {})"`,
      "describe('A suite', () => {})",
      "test.skip('Skipped', () => {})",
      "test.todo('To do')",
      "test.fails('Fails', () => {})",
      "test.skip.each([1])('Skipped with a table', () => {})",
      "describe.skip('Off', () => { test('In a skipped suite', () => {}) })",
      "expect('No test').toBe('No test')",
    ]
    expect(declaredTests('a.test.ts', source.join('\n'))).toEqual([])
  })
})
