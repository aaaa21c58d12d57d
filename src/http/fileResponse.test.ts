import { describe, expect, test } from 'vitest'
import { sanitizeFileName } from '../work/files/validateFile.ts'
import { dispositionOf } from './fileResponse.ts'

describe('dispositionOf', () => {
  test.each([
    [null, 'inline'],
    ['plain name.txt', 'inline; filename="plain name.txt"'],
    ['Grüße.md', `inline; filename="Gr__e.md"; filename*=UTF-8''Gr%C3%BC%C3%9Fe.md`],
    ['a"b\\c%41;d=e.txt', `inline; filename="a_b_c_41;d=e.txt"; filename*=UTF-8''a%22b%5Cc%2541%3Bd%3De.txt`],
    [`it's (1)*.txt`, `inline; filename="it's (1)*.txt"`],
    [`'ä'(*)`, `inline; filename="'_'(*)"; filename*=UTF-8''%27%C3%A4%27%28%2A%29`],
    ['🙂.png', `inline; filename="__.png"; filename*=UTF-8''%F0%9F%99%82.png`],
  ])('The file name %s is written in its safe form', (name, header) => {
    expect(dispositionOf('inline', name)).toBe(header)
  })
})

describe('sanitizeFileName', () => {
  test.each([
    ['../../etc/passwd', 'passwd'],
    ['C:\\Users\\me\\a.txt', 'a.txt'],
    ['a\r\nSet-Cookie: x\0.txt', 'aSet-Cookie: x.txt'],
    ['exe\u202etxt.exe', 'exetxt.exe'],
    ['\ufeff \u200b', null],
    ['..', null],
    ['a/', null],
    ['', null],
    [null, null],
    ['x'.repeat(300), 'x'.repeat(200)],
    [`${'x'.repeat(199)}🙂`, 'x'.repeat(199)],
  ])('The file name %j is stored as %j', (name, stored) => {
    expect(sanitizeFileName(name)).toBe(stored)
  })
})
