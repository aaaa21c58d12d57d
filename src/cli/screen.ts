// Text for a terminal. Much of it comes from agents, so nothing of it reaches the terminal as a control sequence.

import { randomBytes } from 'node:crypto'

/** The capabilities of the output of a command. */
export interface Screen {
  readonly isTerminal: boolean
  /** Columns; infinite where the output is no terminal. */
  readonly width: number
  readonly hasColours: boolean
}

export type Tone = 'good' | 'bad' | 'warning' | 'quiet' | 'strong'

const codes: Readonly<Record<Tone, string>> = { good: '32', bad: '31', warning: '33', quiet: '2', strong: '1' }

/** Begins or ends a tone until the text is printed. A text of others cannot have it, so it cannot colour itself. */
const MARK = `\uFDD0${randomBytes(6).toString('hex')}`
const CODE_END = ';'

/** A piece of text in a tone, where the screen has colours. It is printed through `forPeople`. */
export const toned = ({ hasColours }: Pick<Screen, 'hasColours'>, tone: Tone, text: string): string =>
  hasColours ? `${MARK}${codes[tone]}${CODE_END}${text}${MARK}0${CODE_END}` : text

/**
 * Control characters but line ends and tabs, those that change the direction of a text, those that are not seen, and tags, which spell texts that only
 * programs read.
 */
const UNSAFE_CLASS =
  '\\u0000-\\u0008\\u000B-\\u001F\\u007F-\\u009F\\u00AD\\u061C\\u180E\\u200B-\\u200F\\u2028-\\u202E\\u2060-\\u2069\\uFEFF\\uFFF9-\\uFFFB\\u{E0000}-\\u{E007F}'
const UNSAFE = new RegExp(`[${UNSAFE_CLASS}]`, 'gu')

/** A text with a mark for each character that could act on a terminal. Line ends and tabs stay. */
export const plain = (text: string): string => text.replaceAll('\r\n', '\n').replaceAll(UNSAFE, '\u{FFFD}')

/**
 * The form in which every text for people is printed: nothing of it acts on the terminal but the tones that this program has set.
 * @param screen of the stream that the text is written to
 */
export function forPeople({ hasColours }: Pick<Screen, 'hasColours'>, text: string): string {
  const [first = '', ...others] = text.split(MARK)
  const pieces = others.map((piece) => {
    const end = piece.indexOf(CODE_END)
    return `${hasColours ? `\u001B[${piece.slice(0, end)}m` : ''}${plain(piece.slice(end + 1))}`
  })
  return [plain(first), ...pieces].join('')
}

/** A text as one line. */
export const oneLine = (text: string): string => plain(text.replaceAll(/\s+/g, ' ').trim())

/** A sentence in which each value is one line, so that a name of others cannot pretend to be a line of this program. */
export const sentence = (texts: TemplateStringsArray, ...values: readonly (string | number | null | undefined)[]): string =>
  texts.map((text, at) => `${text}${at < values.length ? oneLine(String(values[at] ?? '-')) : ''}`).join('')

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

const escaped = (character: string): string =>
  Array.from({ length: character.length }, (_, at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`).join('')

/** JSON text, or lines of it, in which no character acts on a terminal: those that stand as they are become escapes. Its values stay. */
export const escapeJson = (json: string): string => json.replaceAll(UNSAFE, escaped)

/** A value as JSON in which no character acts on a terminal. */
export const safeJson = (value: unknown, indent?: number): string => escapeJson(JSON.stringify(value, null, indent))
