/** Letters of scripts that write words without spaces between them, or words of one or two letters. */
const DENSE =
  '\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}\\p{Script=Hangul}\\p{Script=Thai}\\p{Script=Lao}\\p{Script=Khmer}\\p{Script=Myanmar}'
const wordPattern = new RegExp(`[${DENSE}]+|(?:(?![${DENSE}])[\\p{L}\\p{M}\\p{N}])+`, 'gu')
const densePattern = new RegExp(`^[${DENSE}]`, 'u')

/** Longer words are cut, unless their script has no spaces: a picture in base64 is one word, and no search asks for its middle. */
const MAX_WORD_LENGTH = 256

/** The part of an issue that a key is about. Keys of titles find the matches that come first. */
export type SearchPlace = 'title' | 'anywhere'

const FNV_PRIME = 0x01_00_01_93

function mix(seed: number, text: string): number {
  let hash = seed
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), FNV_PRIME)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85_eb_ca_6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2_b2_ae_35)
  return (hash ^ (hash >>> 16)) | 0
}

const surrogatePattern = /[\uD800-\uDFFF]/

/** The letters of a word. Nearly every letter is one unit of its text, and taking units apart costs a fraction of looking for pairs. */
const lettersOf = (word: string): string[] => (surrogatePattern.test(word) ? Array.from(word) : word.split(''))

/** Adds the parts of a word: letters and pairs of a dense script, else what it begins with and every three letters. */
function addParts(word: string, parts: Set<string>): void {
  const letters = lettersOf(word)
  if (densePattern.test(word)) {
    for (const [at, letter] of letters.entries()) {
      parts.add(letter)
      if (at > 0) parts.add((letters[at - 1] as string) + letter)
    }
    return
  }
  parts.add(`^${letters[0]}`)
  if (letters.length > 1) parts.add(`^${letters[0]}${letters[1]}`)
  for (let at = 2; at < letters.length; at += 1) parts.add((letters[at - 2] as string) + letters[at - 1] + letters[at])
}

/** The parts of a text by which a search finds it, each once. */
export function partsOf(text: string): Set<string> {
  const words = new Set<string>()
  for (const word of text.toLowerCase().match(wordPattern) ?? [])
    words.add(word.length > MAX_WORD_LENGTH && !densePattern.test(word) ? word.slice(0, MAX_WORD_LENGTH) : word)
  const parts = new Set<string>()
  for (const word of words) addParts(word, parts)
  return parts
}

/** Which parts a text must have to contain a word of a search. */
function partsOfAskedWord(asked: string): string[] {
  const parts = new Set<string>()
  const word = asked.toLowerCase()
  for (const { 0: piece, index } of word.matchAll(wordPattern)) {
    const letters = Array.from(piece).slice(0, MAX_WORD_LENGTH / 2)
    if (densePattern.test(piece)) {
      if (letters.length === 1) parts.add(piece)
      for (let at = 1; at < letters.length; at += 1) parts.add((letters[at - 1] as string) + letters[at])
    } else if (letters.length > 2) {
      for (let at = 2; at < letters.length; at += 1) parts.add((letters[at - 2] as string) + letters[at - 1] + letters[at])
    } else if (index > 0 || piece.length === word.length) parts.add(`^${piece}`)
  }
  return [...parts]
}

/** The words of a search, each with the parts that a text with it has. A word of signs only has none. */
export const askedWords = (words: readonly string[]): string[][] => words.map(partsOfAskedWord).filter((parts) => parts.length > 0)

/** The keys of parts, for one segment of one company: so no search reads the keys of another company. */
export function keysOf(parts: Iterable<string>, companyId: string, segment: number, place: SearchPlace): number[] {
  const seed = mix(0x81_1c_9d_c5 | 0, `${companyId}:${segment}:${place}`)
  return Array.from(parts, (part) => mix(seed, part))
}
