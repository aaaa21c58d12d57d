import { expect, test } from 'vitest'
import { codeAt } from '../../../dev/testing/secondFactors.ts'
import { codeOf, digitsOf, newRecoveryCodes, newSecret, recoveryHashOf, stepOf, uriOf } from './codes.ts'
import { createSeal } from './seal.ts'

/** `12345678901234567890` in Base32: the secret of the examples of RFC 6238. */
const RFC_SECRET = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ'

test('Codes are those of the examples in RFC 6238, appendix B', async () => {
  for (const [seconds, code] of [
    [59, '287082'],
    [1_111_111_109, '081804'],
    [1_111_111_111, '050471'],
    [1_234_567_890, '005924'],
    [2_000_000_000, '279037'],
  ] as const) {
    const step = Math.floor(seconds / 30)
    expect([await codeOf(RFC_SECRET, step), codeAt(RFC_SECRET, step)]).toEqual([code, code])
  }
})

test('A code is found in its step, in the one before and in the one after, and in no other', async () => {
  const code = await codeOf(RFC_SECRET, 1000)
  const found = await Promise.all([997, 998, 999, 1000, 1001, 1002, 1003].map((present) => stepOf(RFC_SECRET, code, present)))
  expect(found).toEqual([null, null, 1000, 1000, 1000, null, null])
})

test('A new secret has 160 bits, and the address for the app names the person', () => {
  const secret = newSecret()
  expect(secret).toMatch(/^[A-Z2-7]{32}$/)
  expect(newSecret()).not.toBe(secret)
  const uri = new URL(uriOf(secret, 'ada+1@example.com'))
  expect([uri.protocol, uri.host, decodeURIComponent(uri.pathname)]).toEqual(['otpauth:', 'totp', '/paperclip-server:ada+1@example.com'])
  expect(Object.fromEntries(uri.searchParams)).toEqual({ secret, issuer: 'paperclip-server', digits: '6', period: '30' })
})

test('Ten recovery codes of 80 bits differ, and each is known as it may be typed', () => {
  const codes = newRecoveryCodes()
  expect(new Set(codes).size).toBe(10)
  const [code = ''] = codes
  expect(code).toMatch(/^(?:[A-Z2-7]{4}-){3}[A-Z2-7]{4}$/)
  const typed = [code.toLowerCase(), code.replaceAll('-', ''), code.replaceAll('-', ' '), code.replaceAll('O', '0').replaceAll('I', '1')]
  expect(new Set([code, ...typed].map(recoveryHashOf)).size).toBe(1)
  for (const other of ['', '123456', `${code}A`, code.slice(1), 'ÄÖÜ']) expect(recoveryHashOf(other)).toBeNull()
})

test('Six digits are a code of an app, with or without spaces, and nothing else is', () => {
  expect(['123456', ' 123 456 ', '123-456'].map(digitsOf)).toEqual(['123456', '123456', '123456'])
  expect(['12345', '1234567', '12345a', '١٢٣٤٥٦', ''].map(digitsOf)).toEqual([null, null, null, null, null])
})

test('A text that a secret encrypted is opened by it and by no other, in a list as well, and is never stored the same twice', () => {
  const [one, other] = ['the first secret, of thirty-two characters', 'the other secret, of thirty-two characters']
  const { sealed, sealedWith } = createSeal([one]).close('text')
  expect(sealed).not.toContain('text')
  expect(createSeal([one]).close('text').sealed).not.toBe(sealed)
  expect([createSeal([one]).open(sealed), createSeal([other, one]).open(sealed), createSeal([other]).open(sealed)]).toEqual([
    'text',
    'text',
    null,
  ])
  expect([createSeal([one]).name, createSeal([other, one]).name]).toEqual([sealedWith, createSeal([other]).name])
  const damaged = Buffer.from(sealed, 'base64url')
  damaged[damaged.length - 1] = (damaged.at(-1) ?? 0) ^ 1
  expect([createSeal([one]).open(damaged.toString('base64url')), createSeal([one]).open('')]).toEqual([null, null])
})
