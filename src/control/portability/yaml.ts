import { Composer, isAlias, isMap, isPair, isScalar, isSeq, Lexer, LineCounter, Parser } from 'yaml'
import type { Document, ParsedNode } from 'yaml'
import { createTurns } from '../../platform/kernel/turns.ts'
import { jsonProblem } from './jsonSize.ts'

/** Maximum characters of one YAML text. JSON has no such limit, because its reader is a hundred times faster. */
const MAX_YAML_LENGTH = 256 * 1024
/** Longest scalar: the reader joins its lines in a time that grows with the square of their number. Long texts stand below a head. */
const MAX_SCALAR_LENGTH = 32 * 1024
/** Maximum depth of lists and maps in each other. The reader calls itself for each level. */
const MAX_DEPTH = 60
/** Maximum lexemes of one text: words, signs, spaces and line ends. A line such as `  key: value` has seven. */
const MAX_LEXEMES = 40_000
/** Maximum lexemes of all YAML texts of one package. */
const MAX_PACKAGE_LEXEMES = 400_000
/** Maximum values of one text after its aliases are replaced. */
const MAX_VALUES = 10_000

/** A scalar that is not a text by the rules of YAML, such as `007` or `true`. A field that is a text takes the characters as they stand. */
export interface PlainScalar {
  readonly [scalarMark]: true
  readonly value: unknown
  /** The characters as they stand in the file. */
  readonly source: string
}

const scalarMark: unique symbol = Symbol('scalar')

export const isPlainScalar = (value: unknown): value is PlainScalar => typeof value === 'object' && value !== null && scalarMark in value

/** A YAML text as values, or the reason why it cannot be read. Scalars that are neither texts nor null are `PlainScalar`. */
export type YamlResult = { readonly value: unknown; readonly problem: null } | { readonly problem: string }

/** The lexemes that the YAML texts of one package may still have. */
export interface YamlBudget {
  lexemes: number
}

/** The budget of a new package. */
export const createYamlBudget = (): YamlBudget => ({ lexemes: MAX_PACKAGE_LEXEMES })

/** Splits a text into tokens, in turns, and refuses it before the expensive part when it is beyond a limit. */
async function tokensOf(text: string, budget: YamlBudget, lines: LineCounter) {
  const turns = createTurns()
  const parser = new Parser(lines.addNewLine)
  lines.addNewLine(0)
  const tokens = []
  let count = 0
  for (const lexeme of new Lexer().lex(text)) {
    count += 1
    budget.lexemes -= 1
    if (count > MAX_LEXEMES || budget.lexemes < 0) throw new SyntaxError('it has too many words and signs')
    if (lexeme.length > MAX_SCALAR_LENGTH) throw new SyntaxError(`one of its values is longer than ${MAX_SCALAR_LENGTH} characters`)
    tokens.push(...parser.next(lexeme))
    if (parser.stack.length > MAX_DEPTH) throw new SyntaxError(`it is more than ${MAX_DEPTH} levels deep`)
    if (turns.isDue()) await turns.yieldIfDue()
  }
  tokens.push(...parser.end())
  await turns.yieldIfDue()
  return tokens
}

const keyOf = (key: unknown): string => {
  if (!isScalar(key)) throw new SyntaxError('a key of a map is a list or a map')
  return typeof key.value === 'string' ? key.value : (key.source ?? String(key.value))
}

/** Values of a document. Aliases become copies, so that no later step meets more values than were counted here. */
function valuesOf(document: Document.Parsed): unknown {
  const anchors = new Map<string, ParsedNode>()
  const open = new Set<unknown>()
  let count = 0
  const valueOf = (node: unknown): unknown => {
    count += 1
    if (count > MAX_VALUES) throw new SyntaxError(`it has more than ${MAX_VALUES} values`)
    if (node === null) return null
    if (isAlias(node)) {
      const target = anchors.get(node.source)
      if (target === undefined || open.has(target)) throw new SyntaxError(`the alias ${node.source.slice(0, 50)} has no anchor before it`)
      return valueOf(target)
    }
    const { anchor } = node as ParsedNode & { anchor?: string }
    if (anchor !== undefined) anchors.set(anchor, node as ParsedNode)
    if (isScalar(node)) {
      const { value, source = '' } = node
      return typeof value === 'string' || value === null ? value : { [scalarMark]: true, value, source }
    }
    open.add(node)
    const value = isSeq(node) ? node.items.map(valueOf) : isMap(node) ? mapOf(node.items, valueOf) : null
    open.delete(node)
    return value
  }
  return valueOf(document.contents)
}

function mapOf(items: readonly unknown[], valueOf: (node: unknown) => unknown): Record<string, unknown> {
  const entries = new Map<string, unknown>()
  for (const item of items) {
    if (!isPair(item)) continue
    const key = keyOf(item.key)
    if (entries.has(key)) throw new SyntaxError(`the key ${key.slice(0, 50)} stands twice in one map`)
    entries.set(key, valueOf(item.value))
  }
  return Object.fromEntries(entries)
}

const simpleLine = /^([A-Za-z]\w{0,99}): (?:((?:["[]|true$|false$).*)|(\w[\w -]{0,200}\w|\w))$/
/** Words that are no texts in YAML: numbers, and words for null and flags. */
const noText = /^(?:[\d-].*|null|true|false|nan|inf)$/i

/**
 * Reads a head whose lines are `key: JSON` or `key: words`, as this server and most people write them. YAML would read the
 * same from it, in ten times the time.
 * @returns null for every other head
 */
function readSimpleLines(text: string): Record<string, unknown> | null {
  const entries = new Map<string, unknown>()
  const lines = text.split('\n')
  for (const line of lines.at(-1) === '' ? lines.slice(0, -1) : lines) {
    const [, key = '', json, words] = simpleLine.exec(line) ?? []
    if ((json ?? words) === undefined || entries.has(key) || noText.test(words ?? '')) return null
    try {
      if (json !== undefined && jsonProblem(json, 1) !== null) return null
      const value: unknown = json === undefined ? words : JSON.parse(json)
      entries.set(key, value)
    } catch {
      return null
    }
  }
  return Object.fromEntries(entries)
}

/** Reads the head of a document, as `readYaml` does. */
export async function readHead(text: string, budget: YamlBudget): Promise<YamlResult> {
  const value = readSimpleLines(text)
  return value === null ? await readYaml(text, budget) : { value, problem: null }
}

/**
 * Reads a text as one document of YAML 1.2, core schema: no tag makes anything but data. Its limits are checked before the
 * parts that cost more than their length (decision 0043).
 */
export async function readYaml(text: string, budget: YamlBudget): Promise<YamlResult> {
  try {
    if (text.length > MAX_YAML_LENGTH) throw new SyntaxError(`it is longer than ${MAX_YAML_LENGTH} characters`)
    const lines = new LineCounter()
    const tokens = await tokensOf(text, budget, lines)
    // Duplicate keys are found below: the composer compares each key with each other.
    const composer = new Composer({ uniqueKeys: false, prettyErrors: false, logLevel: 'silent', version: '1.2', schema: 'core' })
    const [document, second] = [...composer.compose(tokens, true, text.length)]
    const [error] = document?.errors ?? []
    if (error !== undefined) {
      const { line, col } = lines.linePos(error.pos[0])
      throw new SyntaxError(`line ${line}, column ${col}: ${error.message.slice(0, 200)}`)
    }
    if (second !== undefined) throw new SyntaxError('it has several documents')
    return { value: document === undefined ? null : valuesOf(document as Document.Parsed), problem: null }
  } catch (error) {
    if (error instanceof SyntaxError) return { problem: error.message }
    throw error
  }
}
