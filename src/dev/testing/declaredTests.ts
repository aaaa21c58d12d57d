import { parseSync } from 'oxc-parser'
import { findAll, isNode, stringOf } from '../docs/syntax.ts'
import type { Node } from '../docs/syntax.ts'

const testFunctions: ReadonlySet<string> = new Set(['test', 'it'])
/** Modifiers with which a test does not run, or does not have to pass. */
const notRun: ReadonlySet<string> = new Set(['skip', 'todo', 'fails'])

/**
 * The names along the callee of a call: `test.each([…])('…')` and `` test.each`…`('…') `` give `['test', 'each']`. Empty for a callee that is no such chain.
 */
function calleeNames(node: unknown): readonly string[] {
  if (!isNode(node)) return []
  if (node.type === 'Identifier') return [String(node['name'])]
  if (node.type === 'CallExpression') return calleeNames(node['callee'])
  if (node.type === 'TaggedTemplateExpression') return calleeNames(node['tag'])
  if (node.type !== 'MemberExpression' || !isNode(node['property'])) return []
  const object = calleeNames(node['object'])
  return object.length === 0 ? [] : [...object, String(node['property']['name'])]
}

const isCall = (node: Node): boolean => node.type === 'CallExpression'
const firstArgument = (call: Node): unknown => (call['arguments'] as unknown[])[0]

/** Whether a call declares a suite or a test that does not run. */
function isSwitchedOff(call: Node): boolean {
  const [name = '', ...modifiers] = calleeNames(call['callee'])
  return (name === 'describe' || testFunctions.has(name)) && modifiers.some((modifier) => notRun.has(modifier))
}

/** A test that runs. */
export interface DeclaredTest {
  readonly title: string
  /** Its title behind the titles of its suites, as a failure list shows it: `suite > test`. */
  readonly name: string
}

/**
 * The tests of a file that run, in their order. A title in a comment, of a skipped test or in a skipped suite does not count.
 * An inserted value of a template is shown as `…`.
 * @param name of the file, from which the parser takes its language
 */
export function declaredTests(name: string, source: string): DeclaredTest[] {
  const { program } = parseSync(name, source)
  const calls = findAll(program, isCall)
  const switchedOff = calls.filter(isSwitchedOff)
  const suites = calls.filter((call) => calleeNames(call['callee'])[0] === 'describe' && stringOf(firstArgument(call)) !== null)
  const around = (outer: Node, inner: Node): boolean => outer !== inner && outer.start <= inner.start && inner.end <= outer.end
  return calls
    .filter((call) => testFunctions.has(calleeNames(call['callee'])[0] ?? ''))
    .filter((call) => !switchedOff.some((off) => off === call || around(off, call)))
    .flatMap((call) => {
      const title = stringOf(firstArgument(call))
      if (title === null) return []
      const path = suites.filter((suite) => around(suite, call)).map((suite) => stringOf(firstArgument(suite)))
      return [{ title, name: [...path, title].join(' > ') }]
    })
}
