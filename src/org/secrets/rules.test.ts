import { describe, expect, test } from 'vitest'
import { onThisMachine } from '../../dev/testing/slowness.ts'
import { parseEnvironment } from './environmentFile.ts'
import { referencesIn } from './references.ts'
import { uncoverableBecause } from './rules.ts'

describe('uncoverableBecause', () => {
  test('A value that ordinary texts contain is refused with a reason that does not repeat it', () => {
    const refused = [
      'short',
      '        ',
      '  abc    ',
      'aaaaaaaaaaaaaaaa',
      'password',
      'production',
      'Localhost:3000',
      'http://localhost:8080',
      '12345678',
      '2026-11-30',
      'changeme123',
    ]
    for (const value of refused) {
      const because = uncoverableBecause(value)
      expect(because, value).not.toBeNull()
      expect(because).not.toContain(value.trim() === '' ? '\0' : value.trim())
    }
  })

  test('Tokens, passphrases, keys in PEM form and addresses with a password can be covered', () => {
    for (const value of [
      'sk-live-4f9aQ2',
      'correct horse battery',
      'a1b2c3d4',
      '-----BEGIN KEY-----\nabc\n-----END KEY-----',
      'postgres://u:p4ss@db/x',
    ])
      expect(uncoverableBecause(value), value).toBeNull()
  })
})

describe('referencesIn', () => {
  test('References are found at any depth with their paths, and the version is the newest unless it is given', () => {
    const secretId = '7d4b9f0e-4f55-4b0a-9a57-6c1b8a9d3c11'
    const config = {
      env: { A: { type: 'secret_ref', secretId: secretId.toUpperCase() }, B: { type: 'plain', value: 'x' }, C: 'y' },
      headers: { Authorization: { type: 'secret_ref', secretId, version: '3' } },
      authToken: { type: 'secret_ref', secretId, version: 2 },
      bad: { type: 'secret_ref', secretId: 'x' },
    }
    expect(referencesIn(config)).toEqual([
      { path: 'env.A', secretId, version: 'latest' },
      { path: 'headers.Authorization', secretId, version: 3 },
      { path: 'authToken', secretId, version: 2 },
    ])
  })
})

describe('parseEnvironment', () => {
  test('Lines of variables are read with and without quotes, and other lines are left out', () => {
    const text = [
      '# a comment',
      'PLAIN=one two',
      'export EXPORTED = three # four',
      "SINGLE='five # six'",
      'DOUBLE="seven\\n\\"eight\\""',
      'EMPTY=',
      'not a variable',
      '1BAD=nine',
      'PLAIN=last',
    ].join('\r\n')
    expect(Object.fromEntries(parseEnvironment(text))).toEqual({
      PLAIN: 'last',
      EXPORTED: 'three',
      SINGLE: 'five # six',
      DOUBLE: 'seven\n"eight"',
      EMPTY: '',
    })
  })

  test('A value with many spaces costs linear time', () => {
    const startedAt = performance.now()
    const value = `x${' '.repeat(100_000)}y`
    expect(parseEnvironment(`A=${value}\nB=${value} # why`)).toEqual(
      new Map([
        ['A', value],
        ['B', value],
      ]),
    )
    expect(performance.now() - startedAt).toBeLessThan(onThisMachine(300))
  })
})
