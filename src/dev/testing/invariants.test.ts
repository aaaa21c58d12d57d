import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'

const root = path.resolve(import.meta.dirname, '../../..')
const page = readFileSync(path.join(root, 'doc/INVARIANTS.md'), 'utf8')
const namedTests = [...page.matchAll(/`(src\/[\w./]+\.test\.ts)`: "((?:[^"\\]|\\")+)"/g)].map(
  ([, file = '', title = '']) => [file, title] as const,
)

describe('doc/INVARIANTS.md', () => {
  test('The page lists every invariant with its tests', () => {
    const rows = page.split('\n').filter((line) => line.startsWith('| **I'))
    expect(rows.map((row) => /\*\*(I\d+)\*\*/.exec(row)?.[1])).toEqual(Array.from({ length: 18 }, (_, index) => `I${index + 1}`))
    for (const row of rows) expect(row, row.slice(0, 20)).toMatch(/`src\/[\w./]+\.test\.ts`: "/)
  })

  test.each(namedTests)('The file %s has a test titled "%s"', (file, title) => {
    expect(existsSync(path.join(root, file)), `${file} is not there`).toBe(true)
    const text = readFileSync(path.join(root, file), 'utf8')
    expect(text.includes(title.replaceAll('\\"', '"')), 'no test of that title').toBe(true)
  })
})
