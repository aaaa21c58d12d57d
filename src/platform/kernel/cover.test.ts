import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createCover } from './cover.ts'
import { REDACTED } from './redact.ts'

/** The pieces of a text, cut at any places. */
const inPieces = (text: string, cuts: readonly number[]): string[] => {
  const places = [0, ...cuts.map((cut) => Math.floor(cut * text.length)).toSorted((a, b) => a - b), text.length]
  return places.slice(1).map((place, at) => text.slice(places[at], place))
}

const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 })
/** Few letters, so that values overlap, repeat themselves and begin with each other. */
const value = fc.string({ unit: fc.constantFrom('a', 'b', 'c', '"', '\n', 'é'), minLength: 8, maxLength: 20 })

describe('createCover', () => {
  test('No piece of a text shows a value, wherever it is cut, and the pieces are together what the whole becomes', () => {
    fc.assert(
      fc.property(
        fc.array(value, { minLength: 1, maxLength: 5 }),
        fc.array(fc.oneof(value, fc.nat(4)), { maxLength: 12 }),
        cuts,
        (values, parts, at) => {
          const text = parts.map((part) => (typeof part === 'string' ? part : (values[part] ?? 'x'))).join('')
          const cover = createCover(values)
          const stream = cover.stream()
          const covered =
            inPieces(text, at)
              .map((piece) => stream.add(piece))
              .join('') + stream.end()
          expect(covered).toBe(cover.text(text))
          // Letters on both sides of a cover may form a value that the text never had.
          for (const part of covered.split(REDACTED)) for (const each of values) expect(part).not.toContain(each)
        },
      ),
      { numRuns: 2000 },
    )
  })

  test('A text without the values stays the same text', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(createCover(['the-value-4711', 'another-value-4711']).text(text)).toBe(text)
      }),
    )
  })

  test('Values are covered as other languages write them in addresses, in forms and in JSON', () => {
    const strict = (text: string): string =>
      encodeURIComponent(text).replaceAll(/[!'()*]/g, (found) => `%${found.charCodeAt(0).toString(16).toUpperCase()}`)
    const unicode = (found: string): string => `\\u00${found.charCodeAt(0).toString(16)}`
    const writers: ((text: string) => string)[] = [
      (text) => encodeURIComponent(text).replaceAll(/%../g, (found) => found.toLowerCase()),
      (text) => new URLSearchParams({ q: text }).toString(),
      // `quote` and `quote_plus` of Python.
      (text) => strict(text).replaceAll('%2F', '/'),
      (text) => strict(text).replaceAll('%20', '+'),
      // encoding/json of Go, and Gson.
      (text) => JSON.stringify(text).replaceAll(/[<>&]/g, unicode),
      (text) => JSON.stringify(text).replaceAll(/[<>&=']/g, unicode),
    ]
    fc.assert(
      fc.property(fc.string({ minLength: 8, maxLength: 40, unit: 'grapheme-ascii' }), fc.constantFrom(...writers), (secret, write) => {
        fc.pre(secret.trim().length >= 8)
        expect(createCover([secret]).text(write(secret))).toContain(REDACTED)
      }),
      { numRuns: 1000 },
    )
  })

  test('Values are covered in JSON, in JSON within JSON, in addresses, and in base64 at every place', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 8, maxLength: 60, unit: 'grapheme-ascii' }), fc.string(), fc.string(), (secret, before, after) => {
        fc.pre(secret.trim().length >= 8)
        const cover = createCover([secret])
        const json = JSON.stringify({ text: before + secret + after })
        for (const text of [json, JSON.stringify(json)]) expect(cover.text(text)).toContain(REDACTED)
        expect(cover.text(`https://example.com/?q=${encodeURIComponent(secret)}`)).toContain(REDACTED)
        for (const encoding of ['base64', 'base64url'] as const)
          expect(cover.text(Buffer.from(before + secret + after).toString(encoding))).toContain(REDACTED)
      }),
    )
  })

  test('A value of several lines is covered line by line, but for short lines and the frame of a key', () => {
    const lines = ['-----BEGIN PRIVATE KEY-----', 'MIIEvQIBADANBgkqhkiG9w0BAQEFAASC', 'short', '-----END PRIVATE KEY-----']
    const cover = createCover([lines.join('\n')])
    expect(cover.text(lines.map((line) => `> ${line}`).join('\n'))).toBe(`> ${lines[0]}\n> ${REDACTED}\n> short\n> ${lines[3]}`)
  })

  test('Two values that overlap are covered as one, and a repeated one grows no memory', () => {
    expect(createCover(['abcdefgh1234', '1234ijklmnop']).text('xabcdefgh1234ijklmnopx')).toBe(`x${REDACTED}x`)
    const stream = createCover(['abcdabcdabcd']).stream()
    let covered = ''
    for (let count = 0; count < 1000; count += 1) covered += stream.add('abcd')
    expect(covered + stream.end()).toBe(REDACTED)
  })

  test('In JSON names and values are covered, and what has none is the same object', () => {
    const cover = createCover(['the-value-4711'])
    const clean = { a: ['x', 1, null], b: { c: true } }
    expect(cover.json(clean)).toBe(clean)
    expect(cover.json({ 'k-the-value-4711': ['the-value-4711!'], n: clean })).toEqual({ [`k-${REDACTED}`]: [`${REDACTED}!`], n: clean })
  })

  test('Values of fewer than eight characters are not covered', () => {
    expect(createCover(['short', '']).text('short')).toBe('short')
  })
})
