/** A text file with front matter: `---`, a head in YAML, `---`, an empty line, the text. */
export interface FrontMatterDocument {
  /** The head; null without one. */
  readonly head: string | null
  readonly body: string
}

/** Writes a document. Values are written as JSON, which is also YAML. Null and empty lists are omitted. */
export function renderFrontMatter(fields: Readonly<Record<string, unknown>>, body: string | null): string {
  const isEmpty = (value: unknown): boolean => value === null || value === undefined || (Array.isArray(value) && value.length === 0)
  const lines = Object.entries(fields)
    .filter(([, value]) => !isEmpty(value))
    .map(([key, value]) => `${key}: ${JSON.stringify(value)}`)
  return `---\n${lines.join('\n')}\n---\n\n${body ?? ''}\n`
}

/** A text without the mark that some editors put at its beginning. */
export const withoutMark = (text: string): string => (text.startsWith('\uFEFF') ? text.slice(1) : text)

const opening = /^---[ \t]*\r?\n/
const closing = /^(?:---|\.\.\.)[ \t]*\r?$/m

/** Divides a document into head and text. A text without a head is all body. A file whose first line ends with CRLF is read with LF. */
export function splitFrontMatter(text: string): FrontMatterDocument {
  const unmarked = withoutMark(text)
  const isCrlf = /^[^\n]{0,1000}\r\n/.test(unmarked)
  const whole = isCrlf ? unmarked.replaceAll('\r\n', '\n') : unmarked
  const withoutLastEnd = (body: string): string => (body.endsWith('\n') ? body.slice(0, -1) : body)
  const start = opening.exec(whole)?.[0].length
  const rest = whole.slice(start)
  const end = start === undefined ? null : closing.exec(rest)
  if (end === null) return { head: null, body: withoutLastEnd(whole) }
  const after = rest.slice(end.index + end[0].length + 1)
  return { head: rest.slice(0, end.index), body: withoutLastEnd(after.startsWith('\n') ? after.slice(1) : after) }
}
