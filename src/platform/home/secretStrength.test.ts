import { randomBytes, randomInt } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { weakSecretProblem } from './secretStrength.ts'

describe('weakSecretProblem', () => {
  test.each([
    'a'.repeat(40),
    'ab'.repeat(20),
    'changeme'.repeat(4),
    'changeme'.repeat(40),
    'change-me-change-me-change-me-change-me',
    'passwordpassword1234passwordpassword',
    'abcdefghijklmnopqrstuvwxyz0123456789',
    '00000000000000000000000000000000',
    '12345678901234567890123456789012',
    'secret secret secret secret secret secret',
    'your-secret-password-example-default',
    '0101100101101001011010010110100101101001',
    'deadbeef'.repeat(8),
  ])('The secret %s is refused', (secret) => {
    expect(weakSecretProblem(secret, 32)).toContain('too easy to guess')
  })

  test('It never refuses a random secret, in whatever digits it is written', () => {
    const writings: (() => string)[] = [
      () => randomBytes(48).toString('base64url'),
      () => randomBytes(24).toString('base64'),
      () => randomBytes(16).toString('hex'),
      () => randomBytes(32).toString('hex').toUpperCase(),
      () => Array.from({ length: 40 }, () => randomInt(10)).join(''),
      () => crypto.randomUUID(),
    ]
    for (const write of writings)
      for (let n = 0; n < 3000; n += 1) {
        const secret = write()
        expect(weakSecretProblem(secret, 32), secret).toBeNull()
      }
    for (let n = 0; n < 3000; n += 1) expect(weakSecretProblem(randomBytes(8).toString('hex'), 16)).toBeNull()
  })

  test('It accepts a long sentence', () => {
    expect(weakSecretProblem('a secret of at least thirty-two characters, for tests', 32)).toBeNull()
  })
})
