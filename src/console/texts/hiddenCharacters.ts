// Characters that are not seen, or that change the order in which others are seen. Texts of agents are shown with their names in their
// places, so that no text can look like another one.

/** As the server's warnings have it (`hidden_characters`), and spaces that are no space. */
const hidden = /[\p{Cf}\p{Cc}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]|(?! )\p{Zs}/gu
/** Shown as what they are. */
const plain = new Set(['\t', '\n', '\r'])
/** Most texts have nothing else, which is found in a tenth of the time. */
const isVisible = /^[ -~\t\n\r]*$/

/** "U+202E". */
export const codePointName = (character: string): string =>
  `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`

/** A stretch of text as it is, or one hidden character. */
export interface Stretch {
  readonly text: string
  readonly isHidden: boolean
}

/** A text in stretches, each hidden character by itself. */
export function stretchesOf(text: string): readonly Stretch[] {
  if (isVisible.test(text)) return text === '' ? [] : [{ text, isHidden: false }]
  const stretches: Stretch[] = []
  let from = 0
  for (const { 0: character, index } of text.matchAll(hidden)) {
    if (plain.has(character)) continue
    if (index > from) stretches.push({ text: text.slice(from, index), isHidden: false })
    stretches.push({ text: character, isHidden: true })
    from = index + character.length
  }
  if (from < text.length) stretches.push({ text: text.slice(from), isHidden: false })
  return stretches
}

/** Whether a text has hidden characters. */
export const hasHidden = (text: string): boolean => stretchesOf(text).some(({ isHidden }) => isHidden)

/** A text for a place that has no elements, such as a title or a file: the names of hidden characters in angle brackets. */
export const withNames = (text: string): string =>
  stretchesOf(text)
    .map(({ text: part, isHidden }) => (isHidden ? `⟨${codePointName(part)}⟩` : part))
    .join('')

/** JSON whose hidden characters are written as escapes. It is the same value. A tab, if it stands in a string, is escaped already. */
export const escapeHidden = (json: string): string =>
  stretchesOf(json)
    .map(({ text, isHidden }) => (isHidden ? escaped(text) : text))
    .join('')

const escaped = (character: string): string =>
  Array.from({ length: character.length }, (_, at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`).join('')

/** The characters of a text beyond ASCII that are seen: some look like a letter of it and are another one. */
export const beyondAscii = (text: string): readonly string[] => [...new Set(text.match(/[^ -~\t\n\r]/gu))].filter((one) => !hasHidden(one))
