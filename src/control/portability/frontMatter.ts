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

/** Lines of one head that are read. The schemas allow fewer entries of lists, and further lines would only take time. */
const MAX_HEAD_LINES = 1000
/**
 * Values of one head that look like JSON and are not. Further ones are taken as words. A failed attempt costs 10 µs, and a
 * package of 2 MB may have 500,000 lines: such a package once occupied the thread for 17 s.
 */
const MAX_FAILED_VALUES = 5

const quotedPattern = /^'((?:[^']|'')*)'$/
const jsonStart = /^(?:["[{\d-]|true$|false$|null$)/

/** The value of one line: JSON, a quoted text, or bare words as people write them. */
function parseScalar(text: string, failed: { count: number }): unknown {
  if (text === '' || text === '~') return null
  const single = quotedPattern.exec(text)?.[1]
  if (single !== undefined) return single.replaceAll("''", "'")
  if (!jsonStart.test(text) || failed.count >= MAX_FAILED_VALUES) return text
  try {
    return JSON.parse(text) as unknown
  } catch {
    failed.count += 1
    return text
  }
}

const fieldPattern = /^([A-Za-z_][\w-]{0,99}):(?:[ \t]+(.*))?$/
const listItemPattern = /^\s{0,20}-[ \t]+(.*)$/

function parseFields(lines: readonly string[]): Pick<FrontMatterDocument, 'fields' | 'unread'> {
  const fields = new Map<string, unknown>()
  const unread: string[] = []
  const failed = { count: 0 }
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
      fields.set(name, parseScalar(value.trim(), failed))
    } else if (element !== undefined && list !== null) {
      list.push(parseScalar(element.trim(), failed))
      fields.set(key, list)
    } else unread.push(text.slice(0, 100))
  }
  return { fields: Object.fromEntries(fields), unread }
}

/**
 * Reads a document. The head may use the part of YAML that `renderFrontMatter` writes and people type: one value in each
 * line, and lists of such values. Other lines are reported as unread, and so are all lines after the first 1000. A text without a head is all body.
 */
export function parseFrontMatter(text: string): FrontMatterDocument {
  const lines = text.replaceAll('\r\n', '\n').split('\n')
  const end = lines[0] === '---' ? lines.indexOf('---', 1) : -1
  const body = end === -1 ? lines : lines.slice(end + (lines[end + 1] === '' ? 2 : 1))
  const whole = (body.at(-1) === '' ? body.slice(0, -1) : body).join('\n')
  const head = end === -1 ? [] : lines.slice(1, end)
  const { fields, unread } = parseFields(head.slice(0, MAX_HEAD_LINES))
  return { fields, unread: [...unread, ...head.slice(MAX_HEAD_LINES).map((line) => line.slice(0, 100))], body: whole }
}
