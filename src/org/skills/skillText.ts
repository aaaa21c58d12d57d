/** The head of a skill, as far as this server reads it. */
export interface SkillHead {
  readonly name: string | null
  readonly description: string | null
}

/** Lines of a head that are looked at. A longer one is data and no head. */
const MAX_HEAD_LINES = 200
const MAX_NAME = 120
const MAX_DESCRIPTION = 1000

/** A text up to a `#` behind a space. By steps: a pattern that begins with any number of spaces takes the square of their number. */
function withoutComment(text: string): string {
  const at = text.search(/\s#/)
  return at === -1 ? text : text.slice(0, at).trimEnd()
}

/** A text without its quotation marks; a text in double ones is read as JSON, which most of them are. */
function unquoted(text: string): string {
  const quoted = /^(["'])([\s\S]*)\1$/.exec(text)
  if (quoted === null) return withoutComment(text)
  if (quoted[1] === "'") return (quoted[2] ?? '').replaceAll("''", "'")
  try {
    return String(JSON.parse(text))
  } catch {
    return quoted[2] ?? ''
  }
}

/** The value of a field of a head: on its line, or in the indented lines below it. */
function valueOf(lines: readonly string[], name: string): string | null {
  const at = lines.findIndex((line) => line.startsWith(`${name}:`))
  if (at === -1) return null
  const first = (lines[at] ?? '').slice(name.length + 1).trim()
  const below: string[] = []
  for (const line of lines.slice(at + 1)) {
    if (!/^\s+\S/.test(line)) break
    below.push(line.trim())
  }
  const words = /^[|>][+-]?$/.test(first) ? below : [first, ...below]
  const value = unquoted(words.join(' ').trim()).replaceAll(/\s+/g, ' ').trim()
  return value === '' ? null : value
}

/**
 * Reads the name and the description of a skill from the head of its `SKILL.md`: `---`, lines of `name: text`, `---`. Pure, and linear in
 * the length of the text. A text without a head has neither.
 */
export function describeSkill(text: string): SkillHead {
  const lines = text
    .slice(0, 64 * 1024)
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/, MAX_HEAD_LINES + 2)
  const end = lines.indexOf('---', 1)
  if (lines[0]?.trim() !== '---' || end === -1) return { name: null, description: null }
  const head = lines.slice(1, end)
  return {
    name: valueOf(head, 'name')?.slice(0, MAX_NAME) ?? null,
    description: valueOf(head, 'description')?.slice(0, MAX_DESCRIPTION) ?? null,
  }
}
