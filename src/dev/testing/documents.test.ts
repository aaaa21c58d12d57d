import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'

const root = path.resolve(import.meta.dirname, '../../..')
const read = (file: string): string => readFileSync(path.join(root, file), 'utf8')
const pages = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '*.md'], { cwd: root, encoding: 'utf8' })
  .split('\n')
  .filter((file) => file !== '' && existsSync(path.join(root, file)))
const decisions = readdirSync(path.join(root, 'doc/decisions')).sort()

/** The files that a page links to, relative to the root. */
const linkedFiles = (page: string, text: string): string[] =>
  [...text.matchAll(/\]\(([^)\s#]+)(?:#[^)\s]*)?\)/g)]
    .map(([, target = '']) => target)
    .filter((target) => !/^[a-z]+:/.test(target))
    .map((target) => path.join(path.dirname(page), target))

describe('The documents', () => {
  test.each(pages)('Every file that %s links to exists', (page) => {
    expect(linkedFiles(page, read(page)).filter((file) => !existsSync(path.join(root, file)))).toEqual([])
  })

  test('A link to a missing file is found, with and without a fragment', () => {
    expect(linkedFiles('doc/a.md', '[b](b.md) [c](../c.md#part) [d](https://example.org/d.md) [e](#e)')).toEqual(['doc/b.md', 'c.md'])
  })
})

describe('The decisions', () => {
  test('They are numbered from 0001 without a gap', () => {
    expect(decisions.map((name) => name.slice(0, 5))).toEqual(decisions.map((_, index) => `${String(index + 1).padStart(4, '0')}-`))
  })
})
