// The agents that a text mentions. A markdown reader says what is text and what is code; the rules of a mention are below it.
import { Parser } from 'htmlparser2'
import MarkdownIt from 'markdown-it'
import type { Token } from 'markdown-it'
import { skeleton } from '../../platform/kernel/skeleton.ts'

/** An agent that can be mentioned, by its id, its name, or its short name. */
export interface Mentionable {
  readonly id: string
  readonly name: string
  readonly urlKey: string
}

/** The part of a text that can mention an agent: its words outside code, and the agents that its links name by id. */
export interface MentionText {
  readonly words: string
  readonly linkedAgentIds: readonly string[]
}

/**
 * The part of a text that is searched for mentions, in characters. The reader needs linear time; hostile text of this length
 * keeps the event loop for a fraction of a second. A text of 200,000 characters is a pasted log, and who is asked is said before it.
 */
export const MAX_MENTION_TEXT = 50_000
/** The most agents that one text mentions: each of them gets a run. */
const MAX_MENTIONS = 20
/** The most `@` signs at which a name is looked for, so that a text made of them costs no more than any other. */
const MAX_SIGNS = 1_000

// `text_join` would make an escaped `\@` indistinguishable from a plain one.
const markdown = new MarkdownIt('commonmark', { html: true }).disable('text_join')

/** Stands in `words` for what is no text: code, an image, an escaped sign. It neither starts nor continues a mention. */
const OPAQUE = '\uFFFC'
const codeElements: ReadonlySet<string> = new Set(['code', 'pre', 'kbd', 'samp', 'script', 'style', 'textarea'])
// The address of a link that names an agent, with what a client adds to it, such as an icon.
const agentAddress = /^agent:\/\/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:[/?#]|$)/i

/** Reads a text as CommonMark. The id of a link to an agent decides, so its label is not part of the words. */
export function readMentionText(text: string): MentionText {
  if (!text.includes('@') && !text.toLowerCase().includes('agent:')) return { words: '', linkedAgentIds: [] }
  const words: string[] = []
  const linkedAgentIds: string[] = []
  for (const block of markdown.parse(text.slice(0, MAX_MENTION_TEXT), {})) {
    if (block.type === 'inline') words.push(inlineWords(block.children ?? [], linkedAgentIds))
    if (block.type === 'html_block') words.push(htmlWords(block.content))
  }
  return { words: words.join('\n'), linkedAgentIds }
}

/** Whether a text can mention an agent at all. */
export const mentionsAny = ({ words, linkedAgentIds }: MentionText): boolean => words.includes('@') || linkedAgentIds.length > 0

function inlineWords(tokens: readonly Token[], linkedAgentIds: string[]): string {
  let words = ''
  let codeDepth = 0
  let isAgentLabel = false
  for (const token of tokens) {
    if (token.type === 'link_open' && String(token.attrGet('href')).toLowerCase().startsWith('agent:')) {
      const id = agentAddress.exec(String(token.attrGet('href')))?.[1]
      if (id !== undefined && codeDepth === 0) linkedAgentIds.push(id.toLowerCase())
      isAgentLabel = true
    }
    if (token.type === 'html_inline') codeDepth = Math.max(0, codeDepth + codeDepthChange(token.content))
    if (!isAgentLabel) words += codeDepth > 0 ? OPAQUE : wordsOf(token)
    if (token.type === 'link_close' && isAgentLabel) {
      isAgentLabel = false
      words += OPAQUE
    }
  }
  return words
}

function codeDepthChange(tag: string): number {
  const [, slash, name = ''] = /^<(\/?)([a-z]+)/i.exec(tag) ?? []
  if (!codeElements.has(name.toLowerCase())) return 0
  return slash === '/' ? -1 : 1
}

function wordsOf(token: Token): string {
  if (token.type === 'text') return token.content
  if (token.type === 'text_special') return token.content === '@' ? OPAQUE : token.content
  if (token.type === 'softbreak' || token.type === 'hardbreak') return ' '
  return token.type === 'code_inline' || token.type === 'image' ? OPAQUE : ''
}

/** The text of a block of HTML, without that of its elements for code. */
function htmlWords(html: string): string {
  let words = ''
  let codeDepth = 0
  const change = (name: string, by: 1 | -1): void => {
    if (codeElements.has(name)) codeDepth = Math.max(0, codeDepth + by)
    words += name === 'br' || name === 'p' ? ' ' : ''
  }
  const parser = new Parser({
    onopentagname: (name) => change(name, 1),
    ontext: (text) => (words += codeDepth > 0 ? OPAQUE : text),
    onclosetag: (name) => change(name, -1),
  })
  parser.end(html)
  return words
}

/**
 * The agents that a text mentions, in the order in which it names them: first by the id of a link, then by `@Name` or
 * `@short-name`, of which the longest counts.
 */
export const findMentions = (text: MentionText, agents: readonly Mentionable[]): string[] => mentionFinder(agents)(text)

/** Finds the mentions of many texts: the names of the agents are folded once. */
export function mentionFinder(agents: readonly Mentionable[]): (text: MentionText) => string[] {
  const known = new Set(agents.map(({ id }) => id))
  const names = namesOf(agents)
  const lengths = lengthsByBeginning(names.keys())
  return ({ words, linkedAgentIds }) => {
    const linked = linkedAgentIds.filter((id) => known.has(id))
    return [...new Set([...linked, ...namedIn(fold(words), names, lengths)])].slice(0, MAX_MENTIONS)
  }
}

/** The agents whose names stand behind the signs of a folded text. */
function namedIn(text: string, names: ReadonlyMap<string, string>, lengths: ReadonlyMap<string, readonly number[]>): Set<string> {
  const found = new Set<string>()
  let signs = 0
  for (let sign = text.indexOf('@'); sign >= 0 && signs < MAX_SIGNS; sign = text.indexOf('@', sign + 1)) {
    if (!isBoundaryBefore(text, sign)) continue
    signs += 1
    const start = sign + 1
    const length = lengthsAt(lengths, text, start).find(
      (size) => names.has(text.slice(start, start + size)) && isBoundaryAfter(text, start + size),
    )
    const id = length === undefined ? undefined : names.get(text.slice(start, start + length))
    if (id !== undefined) found.add(id)
  }
  return found
}

/** The words that can stand after `@`, each with the agent that it means. A name goes before the short name of another agent. */
function namesOf(agents: readonly Mentionable[]): Map<string, string> {
  const names = new Map<string, string>()
  const add = (name: string, id: string): void => {
    const folded = fold(name.trim())
    if (folded !== '' && !names.has(folded)) names.set(folded, id)
  }
  for (const { id, name } of agents) add(name, id)
  for (const { id, urlKey } of agents) add(urlKey, id)
  return names
}

/** Letters that are looked up before whole names are compared: most words behind a sign begin like no name at all. */
const BEGINNING = 3

/** The lengths of names, the longest first, by the first letters of the names. */
function lengthsByBeginning(names: Iterable<string>): ReadonlyMap<string, readonly number[]> {
  const sets = new Map<string, Set<number>>()
  for (const name of names) {
    const beginning = name.slice(0, BEGINNING)
    sets.set(beginning, (sets.get(beginning) ?? new Set()).add(name.length))
  }
  return new Map([...sets].map(([beginning, lengths]) => [beginning, [...lengths].toSorted((a, b) => b - a)]))
}

/** The lengths of the names that may stand at a place of a text, the longest first. */
function lengthsAt(lengths: ReadonlyMap<string, readonly number[]>, text: string, start: number): number[] {
  const found: number[] = []
  for (let size = BEGINNING; size > 0; size -= 1) {
    const beginning = text.slice(start, start + size)
    // A shorter name is its own beginning.
    if (beginning.length === size) found.push(...(lengths.get(beginning) ?? []))
  }
  return found
}

// A full-width sign is no `@`, as before; of names and words the skeletons are compared.
const fold = (text: string): string => skeleton(text.replaceAll(/[\uFF20\uFE6B]/g, OPAQUE))

// Languages that put no space between words: one of their letters beside a mention does not make it part of a word.
const spacelessScript =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u
const wordCharacter = /[\p{L}\p{M}\p{N}_]/u
// Before `@` these make it part of an address, a path, or a version: `a.@b`, `npmjs.com/@dev`, `pkg+@1`.
const joinsBefore = new Set(`@./\\-+=&#%~$${OPAQUE}`)

function isBoundaryBefore(text: string, sign: number): boolean {
  const before = characterBefore(text, sign)
  if (before === '') return true
  return !joinsBefore.has(before) && (!wordCharacter.test(before) || spacelessScript.test(before))
}

function characterBefore(text: string, index: number): string {
  const last = text.charAt(index - 1)
  return /[\uDC00-\uDFFF]/.test(last) ? text.slice(Math.max(0, index - 2), index) : last
}

const characterAt = (text: string, index: number): string => String.fromCodePoint(text.codePointAt(index) ?? 32)

/** `@Dev` ends before a space, a comma or a full stop; not in `@Developer`, `@Dev-ops`, `@dev/tools`, `@dev.example.org`. */
function isBoundaryAfter(text: string, end: number): boolean {
  const next = characterAt(text, end)
  if (wordCharacter.test(next)) return spacelessScript.test(next) && !spacelessScript.test(characterBefore(text, end))
  if (next === '@' || next === '\\') return false
  return !/[-./]/.test(next) || !wordCharacter.test(characterAt(text, end + 1))
}
