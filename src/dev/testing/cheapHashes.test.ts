import { scryptSync } from 'node:crypto'
import { expect, test } from 'vitest'
import { hashed, isPassword } from '../../org/people/passwords.ts'
import { cheapScrypt, REAL_COST, useCheapHashes } from './cheapHashes.ts'
import { TEST_PASSWORD, TEST_PASSWORD_HASH } from './sessions.ts'

test('The stored hash of the tests is the one that the real function makes of their password', () => {
  const [salt = '', key] = TEST_PASSWORD_HASH.split(':')
  expect(scryptSync(TEST_PASSWORD, salt, 64, { ...REAL_COST, maxmem: 2 ** 26 }).toString('hex')).toBe(key)
})

test('A cheap hash has its password and no other, and so has the stored one', async () => {
  useCheapHashes()
  for (const hash of [await hashed('a sentence of words', 'strangers'), TEST_PASSWORD_HASH]) {
    const right = hash === TEST_PASSWORD_HASH ? TEST_PASSWORD : 'a sentence of words'
    expect(await isPassword(hash, right, 'strangers')).toBe(true)
    expect(await isPassword(hash, `${right}.`, 'strangers')).toBe(false)
  }
  expect(await hashed('a sentence of words', 'known')).not.toBe(await hashed('a sentence of words', 'known'))
})

test('A hash that is asked for at a lower cost than the program has today is refused', () => {
  for (const [name, value] of Object.entries(REAL_COST))
    expect(() => cheapScrypt('word', 'salt', 64, { ...REAL_COST, [name]: value / 2 }, () => {})).toThrow('costs too little')
})
