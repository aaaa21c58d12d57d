/** A text file with front matter: `---`, fields, `---`, an empty line, the text. */
export interface FrontMatterDocument {
  readonly fields: Readonly<Record<string, unknown>>
  readonly body: string
  /** Lines of the head that could not be read. */
  readonly unread: readonly string[]
}

/** Writes a document. Values are written as JSON, which is also YAML. Null and empty lists are omitted. */
export function renderFrontMatter(fields: Readonly<Record<string, unknown>>, body: string | null): string {
  const isEmpty = (value: unknown): boolean => value === null || value === undefined || (Array.isArray(value) && value.length === 0)
  const lines = Object.entries(fields)
    .filter(([, value]) => !isEmpty(value))
    .map(([key, value]) => `${key}: ${JSON.stringify(value)}`)
  return `---\n${lines.join('\n')}\n---\n\n${body ?? ''}\n`
}

const quotedPattern = /^'((?:[^']|'')*)'$/

/** The value of one line: JSON, a quoted text, or bare words as people write them. */
function parseScalar(text: string): unknown {
  if (text === '' || text === '~') return null
  const single = quotedPattern.exec(text)?.[1]
  if (single !== undefined) return single.replaceAll("''", "'")
  try {
    return JSON.parse(text) as unknown
  } catch {
    return text
  }
}

const fieldPattern = /^([A-Za-z_][\w-]{0,99}):(?:[ \t]+(.*))?$/
const listItemPattern = /^\s{0,20}-[ \t]+(.*)$/

function parseFields(lines: readonly string[]): Pick<FrontMatterDocument, 'fields' | 'unread'> {
  const fields = new Map<string, unknown>()
  const unread: string[] = []
  let list: unknown[] | null = null
  let key = ''
  for (const line of lines) {
    const text = line.trimEnd()
    if (text === '' || text.startsWith('#')) continue
    const [, name, value = ''] = fieldPattern.exec(text) ?? []
    const element = listItemPattern.exec(text)?.[1]
    if (name !== undefined) {
      key = name
      list = value === '' ? [] : null
      fields.set(name, parseScalar(value.trim()))
    } else if (element !== undefined && list !== null) {
      list.push(parseScalar(element.trim()))
      fields.set(key, list)
    } else unread.push(text.slice(0, 100))
  }
  return { fields: Object.fromEntries(fields), unread }
}

/**
 * Reads a document. The head may use the part of YAML that `renderFrontMatter` writes and people type: one value in each
 * line, and lists of such values. Other lines are reported as unread. A text without a head is all body.
 */
export function parseFrontMatter(text: string): FrontMatterDocument {
  const lines = text.replaceAll('\r\n', '\n').split('\n')
  const end = lines[0] === '---' ? lines.indexOf('---', 1) : -1
  const body = end === -1 ? lines : lines.slice(end + (lines[end + 1] === '' ? 2 : 1))
  const whole = (body.at(-1) === '' ? body.slice(0, -1) : body).join('\n')
  return { ...parseFields(end === -1 ? [] : lines.slice(1, end)), body: whole }
}
