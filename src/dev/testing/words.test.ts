import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { bannedIn, headlessIn, riddlesIn } from './language.ts'

const root = path.resolve(import.meta.dirname, '../../..')

/** The list itself, and texts that quote old names. */
const QUOTES_OLD_WORDS =
  /^(src\/dev\/testing\/(vocabulary|words\.test|lint\.test)\.ts|doc\/CHANGELOG\.md|doc\/decisions\/|doc\/generated\/)/

const tracked = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', 'src', 'doc', '*.md'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\n')
  .filter((file) => /\.(tsx?|css|sql|md)$/.test(file) && !QUOTES_OLD_WORDS.test(file))

const read = (file: string): string => readFileSync(path.join(root, file), 'utf8')

describe('the language of the repository', () => {
  test('No file uses a word of the list', () => {
    expect(tracked.length).toBeGreaterThan(400)
    expect(tracked.flatMap((file) => bannedIn(file, read(file)))).toEqual([])
  })

  test('No comment starts a sentence with a relative clause', () => {
    expect(tracked.filter((file) => /\.tsx?$/.test(file)).flatMap((file) => headlessIn(file, read(file)))).toEqual([])
  })

  test('Every test title is a full sentence', () => {
    expect(tracked.filter((file) => file.endsWith('.test.ts')).flatMap((file) => riddlesIn(file, read(file)))).toEqual([])
  })

  test('The check finds planted offences in comments, identifiers, messages and titles', () => {
    expect(bannedIn('src/work/issues/a.ts', '// whoever holds it\nconst vigilOf = 1\nlog.info("the client was told")\n')).toHaveLength(3)
    expect(bannedIn('src/engine/holds/a.ts', '// the lock holder of an issue\n')).toHaveLength(1)
    expect(bannedIn('src/platform/embedded/a.ts', '// the account nobody\n')).toEqual([])
    expect(headlessIn('a.ts', '// Locks the row. What waits is queued.\nexport const a = 1\n')).toHaveLength(1)
    expect(headlessIn('a.ts', '// Who may ask?\nexport const a = 1\n')).toEqual([])
    expect(riddlesIn('a.test.ts', "test('twice is once', () => {})\ntest.each([1])('is %s', () => {})\n")).toHaveLength(2)
    expect(riddlesIn('a.test.ts', "test('A second claim changes nothing', () => {})\n")).toEqual([])
  })
})
