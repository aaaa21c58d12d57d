// Text for a terminal. Much of it comes from agents, so nothing of it reaches the terminal as a control sequence.

/** The capabilities of the output of a command. */
export interface Screen {
  readonly isTerminal: boolean
  /** Columns; infinite where the output is no terminal. */
  readonly width: number
  readonly hasColours: boolean
}

export type Tone = 'good' | 'bad' | 'warning' | 'quiet' | 'strong'

const codes: Readonly<Record<Tone, string>> = { good: '32', bad: '31', warning: '33', quiet: '2', strong: '1' }

/** A piece of text in a tone, where the screen has colours. The text must be free of control characters. */
export const toned = ({ hasColours }: Screen, tone: Tone, text: string): string =>
  hasColours ? `\u001B[${codes[tone]}m${text}\u001B[0m` : text

/** Control characters, and those that change the direction of a text or are not seen. */
// oxlint-disable-next-line no-control-regex
const UNSAFE = /[\u0000-\u0008\u000B-\u001F\u007F-\u009F\u061C\u200B-\u200F\u2028-\u202E\u2060-\u2069\uFEFF]/g

/** A text with a mark for each character that could act on a terminal. Line ends and tabs stay. */
export const plain = (text: string): string => text.replaceAll('\r\n', '\n').replaceAll(UNSAFE, '\u{FFFD}')

/** A text as one line. */
export const oneLine = (text: string): string => plain(text.replaceAll(/\s+/g, ' ').trim())

const WIDE =
  /[\u1100-\u115F\u2E80-\uA4CF\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\uFFE0-\uFFE6\u{1F300}-\u{1FAFF}\u{20000}-\u{3FFFD}]/u
const COMBINING = /\p{M}/u

const columnsOf = (character: string): number => {
  if (COMBINING.test(character)) return 0
  return WIDE.test(character) ? 2 : 1
}

/** The columns that a text takes on a terminal. */
export const textWidth = (text: string): number => Array.from(text).reduce((sum, character) => sum + columnsOf(character), 0)

/** A text that takes at most so many columns, with an ellipsis where it was cut. */
export function cut(text: string, columns: number): string {
  if (textWidth(text) <= columns) return text
  let taken = ''
  let width = 0
  for (const character of text) {
    width += columnsOf(character)
    if (width > columns - 1) break
    taken += character
  }
  return columns < 1 ? '' : `${taken}…`
}

/** A text with spaces up to a width. */
export const padded = (text: string, columns: number): string => text + ' '.repeat(Math.max(0, columns - textWidth(text)))

/** JSON in which no character acts on a terminal: those that JSON leaves as they are become escapes. */
export const safeJson = (value: unknown, indent?: number): string =>
  JSON.stringify(value, null, indent).replaceAll(
    /[\u007F-\u009F\u061C\u200B-\u200F\u2028-\u202E\u2060-\u2069\uFEFF]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
