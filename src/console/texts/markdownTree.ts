// Markdown as a tree of the few things that the console shows. No HTML of a text is interpreted, and no address passes unread.

import MarkdownIt from 'markdown-it'
import type { Token } from 'markdown-it'

const elements = ['p', 'em', 'strong', 's', 'ul', 'ol', 'li', 'blockquote', 'table', 'thead', 'tbody', 'tr', 'th', 'td'] as const
export type ElementTag = (typeof elements)[number]

export interface ElementNode {
  readonly kind: 'element'
  readonly tag: ElementTag
  /** The number at which an ordered list begins. */
  readonly start: number | null
  readonly align: 'left' | 'center' | 'right' | null
  readonly children: MarkdownNode[]
}

/** One part of a text. */
export type MarkdownNode =
  | ElementNode
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'heading'; readonly level: number; readonly children: MarkdownNode[] }
  | { readonly kind: 'code'; readonly text: string; readonly isBlock: boolean }
  | { readonly kind: 'link'; readonly address: string; readonly children: MarkdownNode[] }
  | { readonly kind: 'agent'; readonly agentId: string; readonly children: MarkdownNode[] }
  | { readonly kind: 'picture'; readonly address: string; readonly words: string }
  /** A box of a list of tasks. */
  | { readonly kind: 'task'; readonly isDone: boolean }
  | { readonly kind: 'line'; readonly isHard: boolean }
  | { readonly kind: 'rule' }

/** A longer text is shown as it was written: its layout would keep the page busy for longer than a key press may take. */
const MAX_CHARACTERS = 60_000
/** The same for a text of very many short parts. */
const MAX_NODES = 20_000
/** Blocks in blocks. markdown-it leaves out what is deeper, and nothing of a text may be hidden. */
const MAX_BLOCKS = 30
/** All levels together; a browser lays out deeper trees slowly. */
const MAX_DEPTH = 60

const markdown = new MarkdownIt('default', { html: false, linkify: true, maxNesting: MAX_BLOCKS })
// Without this, README.md and main.rs are addresses: `.md` and `.rs` are countries.
markdown.linkify.set({ fuzzyLink: false, fuzzyEmail: false })

const ID = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}'
const ownFile = new RegExp(`^/api/(?:attachments|assets)/${ID}/content$`, 'i')
const agentAddress = new RegExp(`^agent://(${ID})(?:[/?#]|$)`, 'i')
const protocols: ReadonlySet<string> = new Set(['http:', 'https:', 'mailto:'])

/** An address that a link may have: of the web, of a mailbox, or of a file of this server. Null for every other. */
export function safeAddress(address: string): string | null {
  if (ownFile.test(address)) return address
  if (!URL.canParse(address)) return null
  const url = new URL(address)
  // A name before the host looks like the host: https://bank.example@evil.example.
  return protocols.has(url.protocol) && url.username === '' && url.password === '' ? url.href : null
}

/** The address of a picture: only a file of this server. */
export const pictureAddress = (address: string): string | null => (ownFile.test(address) ? address : null)

interface Open {
  readonly token: Token | null
  readonly children: MarkdownNode[]
}

interface Build {
  readonly stack: Open[]
  count: number
  /** The deepest level. */
  depth: number
}

const attribute = (token: Token, name: string): string => String(token.attrGet(name) ?? '')

function alignOf(token: Token): ElementNode['align'] {
  const [, align] = /text-align:(left|center|right)/.exec(attribute(token, 'style')) ?? []
  return (align ?? null) as ElementNode['align']
}

const isElement = (tag: string): tag is ElementTag => (elements as readonly string[]).includes(tag)

/** The nodes of a token that holds others. A link that leads nowhere leaves its words. */
function closed(token: Token, children: MarkdownNode[]): MarkdownNode[] {
  if (token.type === 'heading_open') return [{ kind: 'heading', level: Number(token.tag.slice(1)), children }]
  if (token.type === 'link_open') {
    const agentId = agentAddress.exec(attribute(token, 'href'))?.[1]
    if (agentId !== undefined) return [{ kind: 'agent', agentId: agentId.toLowerCase(), children }]
    const address = safeAddress(attribute(token, 'href'))
    return address === null ? children : [{ kind: 'link', address, children }]
  }
  if (token.hidden || !isElement(token.tag)) return children
  const start = token.tag === 'ol' ? Number(token.attrGet('start') ?? 1) : null
  return [{ kind: 'element', tag: token.tag, start, align: alignOf(token), children }]
}

/** A picture of another place is a link to it, so that looking at a text asks no other server. */
function picture(token: Token): MarkdownNode {
  const words = (token.children ?? []).map(({ content }) => content).join('') || token.content
  const address = attribute(token, 'src')
  const own = pictureAddress(address)
  if (own !== null) return { kind: 'picture', address: own, words }
  const safe = safeAddress(address)
  const text: MarkdownNode = { kind: 'text', text: words === '' ? address : words }
  return safe === null ? text : { kind: 'link', address: safe, children: [text] }
}

/** The node of a token that holds no others. Unknown ones are shown as text. */
function leaf(token: Token): MarkdownNode | null {
  switch (token.type) {
    case 'fence':
    case 'code_block':
      return { kind: 'code', text: token.content, isBlock: true }
    case 'code_inline':
      return { kind: 'code', text: token.content, isBlock: false }
    case 'image':
      return picture(token)
    case 'softbreak':
    case 'hardbreak':
      return { kind: 'line', isHard: token.type === 'hardbreak' }
    case 'hr':
      return { kind: 'rule' }
    default:
      return token.content === '' ? null : { kind: 'text', text: token.content }
  }
}

function add(build: Build, tokens: readonly Token[]): void {
  for (const token of tokens) {
    const top = build.stack.at(-1)
    if (top === undefined) return
    build.count += 1
    if (token.type === 'inline') add(build, token.children ?? [])
    else if (token.nesting === 1) {
      build.stack.push({ token, children: [] })
      build.depth = Math.max(build.depth, build.stack.length)
    } else if (token.nesting === -1) {
      if (top.token === null) continue
      build.stack.pop()
      build.stack.at(-1)?.children.push(...closed(top.token, withTask(top)))
    } else {
      const node = leaf(token)
      if (node !== null) top.children.push(node)
    }
  }
}

/** The children of an item of a list, with the box of a task in the place of its brackets. */
function withTask({ token, children }: Open): MarkdownNode[] {
  if (token?.type !== 'list_item_open') return children
  const holder = children[0]?.kind === 'element' && children[0].tag === 'p' ? children[0].children : children
  const [first] = holder
  if (first?.kind !== 'text') return children
  const [found, mark] = /^\[([ xX])\] /.exec(first.text) ?? []
  if (found === undefined) return children
  holder.splice(0, 1, { kind: 'task', isDone: mark !== ' ' }, { kind: 'text', text: first.text.slice(found.length) })
  return children
}

/** Reads a text. @returns null for one that is too long or too deep to be laid out: it is shown as it was written */
export function readMarkdown(text: string): readonly MarkdownNode[] | null {
  if (text.length > MAX_CHARACTERS) return null
  const tokens = markdown.parse(text, {})
  if (tokens.some(({ level }) => level >= MAX_BLOCKS - 1)) return null
  const root: Open = { token: null, children: [] }
  const build: Build = { stack: [root], count: 0, depth: 0 }
  add(build, tokens)
  return build.depth > MAX_DEPTH || build.count > MAX_NODES ? null : root.children
}
