import { generateKeyPairSync } from 'node:crypto'
import { calculateJwkThumbprint } from 'jose'
import { describe, expect, test } from 'vitest'
import {
  createRunKey,
  MAX_TOKEN_SECONDS,
  publicKeyOf,
  readRunKeys,
  rotateRunKeys,
  signingKey,
  verifyingKeys,
  writeRunKeys,
} from './runKeySet.ts'
import type { RunKey } from './runKeySet.ts'

const NOW = 1_800_000_000
const HOUR = 3600

/** A set with one stored key, changed by these members. */
const setOf = (...changes: readonly object[]): string =>
  JSON.stringify({
    keys: changes.map((change) => ({ ...(JSON.parse(writeRunKeys([createRunKey(0)])) as { keys: [object] }).keys[0], ...change })),
  })

const twin = createRunKey(0)

const problemOf = (text: string): string => {
  try {
    readRunKeys(text)
  } catch (error) {
    return (error as Error).message
  }
  return 'none'
}

describe('the set of keys of run tokens', () => {
  test('It is read as it was written, in the order in which its keys sign', () => {
    const keys = [createRunKey(NOW), { ...createRunKey(0), d: null }]
    expect(readRunKeys(writeRunKeys(keys))).toEqual([keys[1], keys[0]])
  })

  test('The id of a key is its thumbprint as jose computes it (RFC 7638)', async () => {
    const key = createRunKey(0)
    expect(key.kid).toBe(await calculateJwkThumbprint(publicKeyOf(key)))
  })

  test('The public half has nothing of the private half, whatever a key has', () => {
    const key = createRunKey(0)
    const shown = publicKeyOf({ ...key, p: 'x', k: 'y' } as RunKey)
    expect(Object.keys(shown).toSorted()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x'])
    expect(JSON.stringify(shown)).not.toContain(key.d)
  })

  test.each([
    ['a text that is no JSON', 'not JSON, but secret', 'must be a JSON Web Key Set'],
    ['no keys', '{"keys":[]}', 'keys: '],
    ['a key without a set', writeRunKeys([createRunKey(0)]).slice(9, -2), 'keys: '],
    ['another curve', setOf({ crv: 'Ed448' }), 'keys.0.crv: '],
    ['a key for exchange', setOf({ crv: 'X25519' }), 'keys.0.crv: '],
    ['a key of another kind', setOf({ kty: 'RSA' }), 'keys.0.kty: '],
    ['a secret', setOf({ kty: 'oct', k: 'c2VjcmV0' }), 'keys.0.kty: '],
    ['another algorithm', setOf({ alg: 'HS256' }), 'keys.0.alg: '],
    ['a key for encryption', setOf({ use: 'enc' }), 'keys.0.use: '],
    ['a half that is too short', setOf({ d: 'c2VjcmV0' }), 'keys.0.d: must be 32 bytes'],
    ['a half with padding', setOf({ x: `${Buffer.alloc(32, 7).toString('base64url')}=` }), 'keys.0.x: must be 32 bytes'],
    ['halves of two keys', setOf({ d: createRunKey(0).d }), 'keys.0: d does not belong to x'],
    ['an id of its own', setOf({ kid: '../../etc/passwd' }), 'keys.0.kid: must be the thumbprint'],
    ['a time of the past century as a text', setOf({ nbf: '0' }), 'keys.0.nbf: '],
    ['a key that cannot sign', writeRunKeys([{ ...createRunKey(0), d: null }]), 'keys: one of them needs its private half'],
    ['the same key twice', writeRunKeys([twin, twin]), 'twice'],
    ['more keys than a set may have', writeRunKeys(Array.from({ length: 65 }, () => createRunKey(0))), 'keys: '],
  ])('A set is refused that has %s, and the sentence repeats nothing of it', (_, text, problem) => {
    expect(problemOf(text)).toContain(problem)
    for (const secret of text.match(/"[\w-]{43}"|not JSON/g) ?? []) expect(problemOf(text)).not.toContain(secret.replaceAll('"', ''))
  })

  test('A key that another program made is read without the members that it left out', () => {
    const jwk = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' })
    expect(readRunKeys(JSON.stringify({ keys: [jwk] }))).toMatchObject([{ x: jwk.x, d: jwk.d, signsFrom: 0 }])
  })
})

describe('a rotation of keys', () => {
  const first = createRunKey(0)
  const rotated = rotateRunKeys([first], createRunKey(NOW + HOUR), NOW)
  const idsOf = (keys: readonly RunKey[]): string[] => keys.map(({ kid }) => kid)

  test('The new key is published at once and signs from its time on', () => {
    const [, second] = rotated
    expect(idsOf(verifyingKeys(rotated, NOW))).toEqual(idsOf(rotated))
    expect(signingKey(rotated, NOW + HOUR - 1)).toBe(first)
    expect(signingKey(rotated, NOW + HOUR)).toBe(second)
  })

  test('The key of before verifies for as long as a token that it signed can be valid', () => {
    const lastToken = NOW + HOUR + MAX_TOKEN_SECONDS
    expect(idsOf(verifyingKeys(rotated, lastToken - 1))).toContain(first.kid)
    expect(idsOf(verifyingKeys(rotated, lastToken))).toEqual([rotated[1]?.kid])
  })

  test('A key that signs no more loses its private half with the next rotation, and later goes', () => {
    const next = rotateRunKeys(rotated, createRunKey(NOW + 3 * HOUR), NOW + 2 * HOUR)
    expect(next.map(({ d }) => d !== null)).toEqual([false, true, true])
    const later = NOW + 4 * HOUR + MAX_TOKEN_SECONDS
    expect(idsOf(rotateRunKeys(next, createRunKey(later), later))).toHaveLength(2)
  })

  test('Of two rotations at once the keys sign one after the other, and none is lost', () => {
    const twice = rotateRunKeys(rotated, createRunKey(NOW + HOUR + 60), NOW + 60)
    expect(twice).toHaveLength(3)
    expect(twice.every(({ d }) => d !== null)).toBe(true)
    expect(signingKey(twice, NOW + HOUR + 60)).toBe(twice[2])
  })

  test('Where no key has begun to sign, the first one signs', () => {
    const keys = [createRunKey(NOW + HOUR), createRunKey(NOW + 2 * HOUR)]
    expect(signingKey(keys, NOW)).toBe(keys[0])
    expect(signingKey([], NOW)).toBeNull()
  })
})
