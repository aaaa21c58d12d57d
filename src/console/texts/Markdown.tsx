import { Fragment, useMemo } from 'react'
import type { ReactNode } from 'react'
import { codePointName, stretchesOf } from './hiddenCharacters.ts'
import { readMarkdown } from './markdownTree.ts'
import type { MarkdownNode } from './markdownTree.ts'

/** How identifiers of issues in a text become links; left out where they stay words. */
export interface IssueLinks {
  /** The prefix of the company, such as `ACM`. */
  readonly prefix: string
  readonly link: (identifier: string) => ReactNode
}

interface MarkdownProps {
  readonly text: string
  /** The level of the text's highest headings; they stand below a heading of the page. */
  readonly headingLevel?: 3 | 4 | 5
  /** Whether a line of the text is a line of the page, as in comments. Documents are often wrapped by their writers. */
  readonly keepsLines?: boolean
  readonly issues?: IssueLinks
}

interface Style {
  readonly keepsLines: boolean
  readonly issues: IssueLinks | undefined
  readonly levels: ReadonlyMap<MarkdownNode, number>
}

const LOWEST_HEADING = 6

type Heading = Extract<MarkdownNode, { kind: 'heading' }>

const headingsIn = (nodes: readonly MarkdownNode[]): readonly Heading[] =>
  nodes.flatMap((node) => (node.kind === 'heading' ? [node] : 'children' in node ? headingsIn(node.children) : []))

/** The levels of the headings on the page: the highest is `base`, and none is left out on the way down. */
function levelsOf(nodes: readonly MarkdownNode[], base: number): ReadonlyMap<MarkdownNode, number> {
  const headings = headingsIn(nodes)
  const highest = Math.min(...headings.map(({ level }) => level))
  const levels = new Map<MarkdownNode, number>()
  let before = base - 1
  for (const heading of headings) {
    before = Math.min(base + heading.level - highest, before + 1, LOWEST_HEADING)
    levels.set(heading, before)
  }
  return levels
}

/**
 * A text of markdown as elements. No HTML of the text is interpreted; links lead only to the web, to mailboxes and to files of this server;
 * pictures are only those of this server.
 */
export function Markdown({ text, headingLevel = 3, keepsLines = true, issues }: MarkdownProps): ReactNode {
  const nodes = useMemo(() => readMarkdown(text), [text])
  if (nodes === null)
    return (
      <div className="markdown">
        <p className="soft">This text is too long or too nested to be laid out. It is shown as it was written.</p>
        <pre>{visible(text)}</pre>
      </div>
    )
  return <div className="markdown">{parts(nodes, { keepsLines, issues, levels: levelsOf(nodes, headingLevel) })}</div>
}

const parts = (nodes: readonly MarkdownNode[], style: Style): ReactNode =>
  nodes.map((node, at) => <Fragment key={at}>{part(node, style)}</Fragment>)

/** A link of a text. It opens elsewhere, learns nothing of this page, and shows its address on hover. */
const OutLink = ({ address, children }: { readonly address: string; readonly children: ReactNode }): ReactNode => (
  <a href={address} title={address} target="_blank" rel="noopener noreferrer nofollow">
    {children}
  </a>
)

function part(node: MarkdownNode, style: Style): ReactNode {
  switch (node.kind) {
    case 'text':
      return withIssues(node.text, style.issues)
    case 'heading': {
      const Heading = `h${style.levels.get(node) ?? LOWEST_HEADING}` as 'h3'
      return <Heading>{parts(node.children, style)}</Heading>
    }
    case 'code':
      return node.isBlock ? <pre>{visible(node.text.replace(/\n$/, ''))}</pre> : <code>{visible(node.text)}</code>
    case 'link':
      return <OutLink address={node.address}>{parts(node.children, { ...style, issues: undefined })}</OutLink>
    case 'agent':
      return <strong className="mention">{parts(node.children, { ...style, issues: undefined })}</strong>
    case 'picture':
      return <img src={node.address} alt={node.words} loading="lazy" />
    case 'task':
      return (
        <>
          <span aria-hidden="true">{node.isDone ? '☑' : '☐'} </span>
          <span className="hidden">{node.isDone ? 'done: ' : 'open: '}</span>
        </>
      )
    case 'line':
      return node.isHard || style.keepsLines ? <br /> : '\n'
    case 'rule':
      return <hr />
    case 'element':
      return element(node, style)
  }
}

function element(node: Extract<MarkdownNode, { kind: 'element' }>, style: Style): ReactNode {
  const children = parts(node.children, style)
  const Tag = node.tag
  if (Tag === 'ol') return <ol start={node.start ?? 1}>{children}</ol>
  if (Tag === 'th' || Tag === 'td') return <Tag style={node.align === null ? undefined : { textAlign: node.align }}>{children}</Tag>
  if (Tag === 'li' && holdsTask(node)) return <li className="task">{children}</li>
  if (Tag === 'table')
    return (
      <div className="wide" role="group" aria-label="Table of the text" tabIndex={0}>
        <table>{children}</table>
      </div>
    )
  return <Tag>{children}</Tag>
}

function holdsTask({ children: [first] }: Extract<MarkdownNode, { kind: 'element' }>): boolean {
  return first?.kind === 'task' || (first?.kind === 'element' && first.tag === 'p' && first.children[0]?.kind === 'task')
}

/** Words in which identifiers of issues are links. */
function withIssues(text: string, issues: IssueLinks | undefined): ReactNode {
  const start = `${issues?.prefix}-`
  if (issues === undefined || !text.includes(start)) return visible(text)
  const pieces = text.split(/(?<![\w-])([A-Za-z][A-Za-z0-9]*-\d{1,9})(?![\w-])/)
  return pieces.map((piece, at) => (
    <Fragment key={at}>{at % 2 === 1 && piece.startsWith(start) ? issues.link(piece) : visible(piece)}</Fragment>
  ))
}

/** Characters that join the parts of a picture sign, such as a family, and are no trick there. */
const joinsPictures = /^(?:\u200d|\ufe0f)$/
const endsWithPicture = /(?:\p{Extended_Pictographic}|\p{Emoji_Modifier}|\u200d|\ufe0f)$/u

/** A text with the names of characters that are not seen in their places: an agent may have read them in a hostile file. */
function visible(text: string): ReactNode {
  const stretches = stretchesOf(text)
  if (stretches.every(({ isHidden }) => !isHidden)) return text
  const shown: ReactNode[] = []
  let plain = ''
  for (const { text: part, isHidden } of stretches) {
    if (!isHidden || (joinsPictures.test(part) && endsWithPicture.test(plain))) plain += part
    else {
      shown.push(
        plain,
        <mark key={shown.length} className="unseen" title="A character that is not seen, or that changes the order of others">
          {codePointName(part)}
        </mark>,
      )
      plain = ''
    }
  }
  return [...shown, plain]
}
