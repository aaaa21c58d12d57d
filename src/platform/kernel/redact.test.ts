import { describe, expect, test } from 'vitest'
import { containsRedacted, redact, REDACTED } from './redact.ts'

const jwt = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl'

describe('redact', () => {
  test.each([
    ['token', 'abc'],
    ['accessToken', 'abc'],
    ['client_secret', 'abc'],
    ['password', 'abc'],
    ['PASSWORD', 12_345],
    ['apiKey', 'abc'],
    ['OPENAI_API_KEY', 'abc'],
    ['x-api-key', 'abc'],
    ['Authorization', 'Basic abc'],
    ['privateKey', 'abc'],
    ['cookie', 'a=b'],
    ['credentials', 'abc'],
  ])('The value under %s is redacted', (key, value) => {
    expect(redact({ outer: [{ [key]: value }] })).toEqual({ outer: [{ [key]: REDACTED }] })
  })

  test('Every value below a secret name is redacted', () => {
    expect(redact({ credentials: { user: 'ann', parts: ['a', 'b'] } })).toEqual({
      credentials: { user: REDACTED, parts: [REDACTED, REDACTED] },
    })
  })

  test('Every value of an environment is redacted, and its names and references to stored secrets are kept', () => {
    const secret = { type: 'secret_ref', secretId: '7d4b9f0e-4f55-4b0a-9a57-6c1b8a9d3c11', version: 'latest' }
    expect(redact({ env: { PATH: '/bin', HOME: { type: 'plain', value: '/root' }, KEY: secret, EMPTY: '' } })).toEqual({
      env: { PATH: REDACTED, HOME: { type: 'plain', value: REDACTED }, KEY: secret, EMPTY: '' },
    })
  })

  test('A plain value is redacted at any position', () => {
    expect(redact([{ type: 'plain', value: 'x' }])).toEqual([{ type: 'plain', value: REDACTED }])
  })

  test.each([
    [`key pcp_${'a'.repeat(48)}.`, `key ${REDACTED}.`],
    [`pcp_board_${'a'.repeat(48)}`, REDACTED],
    [`see ${jwt} here`, `see ${REDACTED} here`],
    ['curl -H "authorization: bearer abcdefghijklmnop"', `curl -H "authorization: bearer ${REDACTED}"`],
    ['postgres://ann:hunter2@db/x', `postgres://ann:${REDACTED}@db/x`],
    ['run --api-key=hunter2 --fast', `run --api-key=${REDACTED} --fast`],
    ['GH_TOKEN=hunter2 run', `GH_TOKEN=${REDACTED} run`],
    ['sk-abcdefghijklmnopqrst', REDACTED],
    ['-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----', REDACTED],
  ])('The credential in %j is redacted', (text, redacted) => {
    expect(redact({ note: text })).toEqual({ note: redacted })
  })

  test('The argument behind a secret flag is redacted', () => {
    expect(redact({ args: ['--token', 'hunter2', '--verbose', 'yes'] })).toEqual({ args: ['--token', REDACTED, '--verbose', 'yes'] })
  })

  test('Counts, ids, flags and prose are kept', () => {
    const harmless = {
      maxTokens: 4096,
      inputTokens: 12,
      secretId: 'x',
      tokenBudget: 7,
      hasPassword: true,
      password: null,
      plan: 'The token economy: a secret of success',
      list: [1, null, true],
    }
    expect(redact(harmless)).toEqual(harmless)
  })

  test('The input is not changed, and a long text costs linear time', () => {
    const input = { env: { A: 'x' } }
    redact(input)
    expect(input).toEqual({ env: { A: 'x' } })
    const startedAt = performance.now()
    for (const part of ['eyJ-', 'pcp_', 'token', '--api-key', '://a:', 'bearer ', '-----BEGIN PRIVATE KEY-----', 'a', '-'])
      redact(part.repeat(Math.ceil(200_000 / part.length)))
    expect(performance.now() - startedAt).toBeLessThan(5000)
  })
})

describe('containsRedacted', () => {
  test('The replacement of a secret is found at any depth', () => {
    expect(containsRedacted({ a: [{ b: `x${REDACTED}` }] })).toBe(true)
    expect(containsRedacted({ a: [{ b: 'x' }], c: null })).toBe(false)
  })
})
