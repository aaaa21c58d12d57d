import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { parseSync } from 'oxc-parser'
import { describe, expect, test } from 'vitest'
import { findAll, isNode, stringOf } from '../docs/syntax.ts'

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
  test('They are numbered from 0001, and no number is used twice', () => {
    const numbers = decisions.map((name) => name.slice(0, 5))
    expect(numbers[0]).toBe('0001-')
    expect(numbers.filter((number, at) => numbers.indexOf(number) !== at)).toEqual([])
  })

  test.each(decisions)('%s has a status, a date, and the sections Decision, Why and Rejected', (name) => {
    const text = read(`doc/decisions/${name}`)
    expect(text).toMatch(/^# .+\n\nStatus: (accepted|replaced)\b.*\. Date: \d{4}-\d\d-\d\d\.\n/)
    const sections = [...text.matchAll(/^## (.+)$/gm)].map(([, title]) => title)
    expect(sections).toEqual(expect.arrayContaining(['Decision', 'Why', 'Rejected']))
  })
})

const programFiles = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', 'src/**/*.ts', 'src/**/*.tsx'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\n')
  .filter(
    (file) => file !== '' && !file.startsWith('src/dev/') && !/\.(test|fixture)\.tsx?$/.test(file) && existsSync(path.join(root, file)),
  )

const logMethods: ReadonlySet<unknown> = new Set(['info', 'warn', 'error', 'fatal'])

/** The messages that a file logs: the texts among the arguments of `log.warn(…)`, or of `log(…)` in the embedded Postgres. An inserted value of a template separates two texts. */
function loggedMessages(file: string, source: string): string[] {
  const isLog = (node: unknown): boolean =>
    isNode(node) && (node['name'] === 'log' || (isNode(node['property']) && node['property']['name'] === 'log'))
  const calls = findAll(parseSync(file, source).program, (node) => {
    const callee = node.type === 'CallExpression' && isNode(node['callee']) ? node['callee'] : null
    if (callee === null) return false
    return isLog(callee) || (isLog(callee['object']) && isNode(callee['property']) && logMethods.has(callee['property']['name']))
  })
  return calls
    .flatMap((call) => (call['arguments'] as unknown[]).filter((argument) => !isNode(argument) || argument.type !== 'ObjectExpression'))
    .flatMap((argument) => findAll(argument, (node) => stringOf(node) !== null))
    .flatMap((node) => (stringOf(node) ?? '').split('…'))
    .filter((text) => text.includes(' ') || text.length > 5)
}

describe('doc/OPERATIONS.md', () => {
  const operations = read('doc/OPERATIONS.md')

  test('It explains every message that the program logs', () => {
    const messages = programFiles.flatMap((file) => loggedMessages(file, read(file)))
    expect(messages.length).toBeGreaterThan(35)
    expect(messages.filter((message) => !operations.includes(message.trim()))).toEqual([])
  })

  test('It explains every metric', () => {
    const metrics = [...read('src/observe/metrics/metrics.ts').matchAll(/name: '(paperclip_\w+)'/g)].map(([, name]) => name)
    expect(metrics.length).toBeGreaterThan(12)
    expect(metrics.filter((name) => !operations.includes(`| \`${name}\` |`))).toEqual([])
  })

  test('The messages of a file are found in every form of a call', () => {
    const source =
      "log.warn({ err: error, duty: 'name' }, 'first message')\ndeps.log?.error(`second ${a ? 'third' : 'fourth one'} end`)\nlog('fifth one', { a: 'b' })"
    expect(loggedMessages('a.ts', source)).toEqual(['first message', 'second ', ' end', 'fourth one', 'fifth one'])
  })
})
