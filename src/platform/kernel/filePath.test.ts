import path from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { collisionIn, foldedPath, MAX_FILE_DEPTH, MAX_FILE_PATH_BYTES, readFilePath } from './filePath.ts'

const ROOT = '/srv/run/skills'

/** Pieces of which attacks on paths are made, between harmless ones. */
const piece = fc.oneof(
  fc.constantFrom(
    '..',
    '.',
    '/',
    '//',
    '\\',
    '\0',
    '~',
    'C:',
    '%2e%2e',
    '\u2025',
    '\uFF0E\uFF0E',
    '\u200B',
    '\u202E',
    'con',
    'NUL.txt',
    'COM1',
    ' ',
    '...',
  ),
  fc.constantFrom('a', 'SKILL.md', 'é', 'e\u0301', 'ß', 'ẞ', 'İ', 'ſ', 'K', 'references', '漢'),
  fc.string({ maxLength: 6, unit: 'binary' }),
)
const attack = fc.array(piece, { maxLength: 14 }).map((pieces) => pieces.join(''))
const attackWithSlashes = fc.array(piece, { maxLength: 14 }).map((pieces) => pieces.join('/'))

describe('readFilePath', () => {
  test('No path that is accepted leaves its folder, on POSIX or on Windows', () => {
    fc.assert(
      fc.property(fc.oneof(attack, attackWithSlashes), (given) => {
        const { path: accepted } = readFilePath(given)
        if (accepted === null) return
        expect(path.posix.resolve(ROOT, accepted)).toBe(`${ROOT}/${accepted}`)
        expect(path.win32.resolve('C:\\run', accepted)).toBe(`C:\\run\\${accepted.replaceAll('/', '\\')}`)
        // oxlint-disable-next-line no-control-regex
        expect(accepted).not.toMatch(/[\0-\x1F\\]|(?:^|\/)\.{1,2}(?:\/|$)/)
        expect(Buffer.byteLength(accepted)).toBeLessThanOrEqual(MAX_FILE_PATH_BYTES)
        expect(accepted.split('/').length).toBeLessThanOrEqual(MAX_FILE_DEPTH)
      }),
      { numRuns: 3000 },
    )
  })

  test('A path that was accepted is accepted again and stays as it is', () => {
    fc.assert(
      fc.property(fc.oneof(attack, attackWithSlashes), (given) => {
        const { path: accepted } = readFilePath(given)
        if (accepted !== null) expect(readFilePath(accepted)).toEqual({ path: accepted, problem: null })
      }),
    )
  })

  test.each([
    ['../secret', 'steps up'],
    ['a/../../b', 'steps up in the middle'],
    ['/etc/passwd', 'is absolute'],
    ['a\\b', 'has a backslash'],
    ['a\0b', 'has a NUL'],
    ['C:/x', 'names a drive'],
    ['a//b', 'has an empty step'],
    ['a/', 'ends with a slash'],
    ['', 'is empty'],
    ['./', 'is empty after its `./`'],
    ['aux.md', 'is a device'],
    ['x/COM1', 'is a device below a folder'],
    ['a./b', 'has a name that ends with a dot'],
    ['a /b', 'has a name that ends with a space'],
    ['a\u200B', 'has a character that is not seen'],
    ['a\u202Eb', 'has a character that turns the order'],
    [`${'d/'.repeat(MAX_FILE_DEPTH)}x`, 'is too deep'],
    ['x'.repeat(MAX_FILE_PATH_BYTES + 1), 'is too long'],
    ['漢'.repeat(41), 'has a name that is too long in bytes'],
  ])('The path %j is refused, because it %s', (given) => {
    expect(readFilePath(given)).toMatchObject({ path: null, problem: expect.any(String) })
  })

  test('Ordinary paths are accepted, and a leading `./` is dropped', () => {
    expect(readFilePath('./references/über uns.md')).toEqual({ path: 'references/über uns.md', problem: null })
    expect(readFilePath('.config/x.json')).toEqual({ path: '.config/x.json', problem: null })
  })
})

describe('collisionIn', () => {
  test.each([[['SKILL.md', 'skill.MD']], [['Straße.md', 'STRASSE.md']], [['a', 'a/b']], [['a/b', 'A']], [['é.md', 'e\u0301.md']]])(
    'The paths %j are refused together',
    (paths) => {
      expect(collisionIn(paths)).toContain('cannot stand in one folder')
    },
  )

  test('Paths that pass together are as many files on a file system without upper and lower case', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.oneof(attack, attackWithSlashes), { maxLength: 12 }), (given) => {
        const paths = given.flatMap((each) => readFilePath(each).path ?? [])
        if (collisionIn(paths) !== null) return
        expect(new Set(paths.map((each) => foldedPath(each))).size).toBe(paths.length)
        expect(new Set(paths.map((each) => each.toLowerCase())).size).toBe(paths.length)
        for (const one of paths) for (const other of paths) expect(`${other}/`.startsWith(`${one}/`) && one !== other).toBe(false)
      }),
    )
  })
})
