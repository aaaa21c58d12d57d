import { expect, test } from 'vitest'
import { beyondAscii, codePointName, escapeHidden, hasHidden, stretchesOf, withNames } from './hiddenCharacters.ts'

test('A text without hidden characters is one stretch', () => {
  expect(stretchesOf('npm test\n\tand more')).toEqual([{ text: 'npm test\n\tand more', isHidden: false }])
  expect(stretchesOf('Grüße, 世界, 😀')).toEqual([{ text: 'Grüße, 世界, 😀', isHidden: false }])
  expect(stretchesOf('')).toEqual([])
})

test.each([
  ['an order that is turned round', '\u202e', 'U+202E'],
  ['an isolate', '\u2066', 'U+2066'],
  ['a space without width', '\u200b', 'U+200B'],
  ['a soft hyphen', '\u00ad', 'U+00AD'],
  ['a filler', '\u3164', 'U+3164'],
  ['a tag', '\u{e0041}', 'U+E0041'],
  ['a space that does not break', '\u00a0', 'U+00A0'],
  ['an escape of terminals', '\u001b', 'U+001B'],
  ['a blank of Braille', '\u2800', 'U+2800'],
])('A text with %s shows its name', (_, character, name) => {
  expect(hasHidden(`rm${character}x`)).toBe(true)
  expect(codePointName(character)).toBe(name)
  expect(withNames(`rm${character}x`)).toBe(`rm⟨${name}⟩x`)
})

test('JSON with escaped characters is the same value, and has no hidden character', () => {
  const value = { 'a\u202eb': ['\u200b', '\u{e0041}', 'plain \\u202e', 'tab\tline\n'] }
  const shown = escapeHidden(JSON.stringify(value, null, 2))
  expect(JSON.parse(shown)).toEqual(value)
  expect(hasHidden(shown)).toBe(false)
})

test('Letters that look like others are found', () => {
  expect(beyondAscii('сurl http://x')).toEqual(['с'])
  expect(beyondAscii('curl http://x')).toEqual([])
})
