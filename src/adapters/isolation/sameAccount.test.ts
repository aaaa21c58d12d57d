import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isOfSameAccount } from './sameAccount.ts'
import { onThisMachine } from '../../dev/testing/slowness.ts'

const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
const jwt = (claims: unknown): string => `${part({ alg: 'RS256', typ: 'JWT' })}.${part(claims)}.c2lnbmF0dXJl`

const codexClaims = {
  iss: 'https://auth.example.com',
  sub: 'user-1',
  email: 'operator@example.com',
  exp: 1,
  'https://api.example.com/auth': {
    chatgpt_account_id: 'a-1',
    chatgpt_plan_type: 'pro',
    organizations: [{ id: 'org-1', title: 'Personal' }],
  },
}
const codex = (
  claims: unknown = codexClaims,
  tokens: Readonly<Record<string, unknown>> = {},
  more: Readonly<Record<string, unknown>> = {},
) => ({
  OPENAI_API_KEY: null,
  tokens: { id_token: jwt(claims), access_token: jwt({ sub: 'user-1', exp: 1 }), refresh_token: 'r1', account_id: 'a-1', ...tokens },
  last_refresh: '2026-01-01T00:00:00Z',
  ...more,
})
const claude = { claudeAiOauth: { accessToken: 'a1', refreshToken: 'r1', expiresAt: 1, scopes: ['x'] }, organizationUuid: 'o-1' }
const gemini = { active: 'operator@example.com', old: [] }
const opencode = { provider: { type: 'api', key: 'sk-1' }, other: { type: 'oauth', refresh: 'r', access: 'a', expires: 1 } }

const holds = (stored: unknown, refreshed: unknown): boolean => isOfSameAccount(JSON.stringify(stored), JSON.stringify(refreshed, null, 2))

describe('A sign-in that comes back from an agent (T2)', () => {
  test('Refreshed tokens of the same account replace the operator’s', () => {
    const refreshed = codex(
      { ...codexClaims, exp: 2 },
      { access_token: jwt({ sub: 'user-1', exp: 2 }), refresh_token: 'r2' },
      { last_refresh: 'later' },
    )
    expect(holds(codex(), refreshed)).toBe(true)
    expect(
      holds(claude, { ...claude, claudeAiOauth: { ...claude.claudeAiOauth, accessToken: 'a2', refreshToken: 'r2', expiresAt: 2 } }),
    ).toBe(true)
    expect(holds(opencode, { ...opencode, other: { type: 'oauth', refresh: 'r2', access: 'a2', expires: 2 } })).toBe(true)
    expect(isOfSameAccount('{"token":"one"}', '{\n\t"token": "one, \\"two\\": 2"\n}\n')).toBe(true)
  })

  test.each([
    ['another subject of a token', codex(), codex({ ...codexClaims, sub: 'user-2' })],
    ['another e-mail in a token', codex(), codex({ ...codexClaims, email: 'agent@example.com' })],
    ['another issuer of a token', codex(), codex({ ...codexClaims, iss: 'https://evil.example' })],
    [
      'another account in a nested claim',
      codex(),
      codex({ ...codexClaims, 'https://api.example.com/auth': { chatgpt_account_id: 'a-2' } }),
    ],
    ['a token without claims', codex(), codex(codexClaims, { access_token: 'opaque' })],
    ['another account id', codex(), codex(codexClaims, { account_id: 'a-2' })],
    ['no account id', codex(), codex(codexClaims, { account_id: undefined })],
    ['an API key where there was none', codex(), codex(codexClaims, {}, { OPENAI_API_KEY: 'sk-evil' })],
    ['another organisation', claude, { ...claude, organizationUuid: 'o-2' }],
    ['a further top-level field', claude, { ...claude, apiKeyHelper: 'evil' }],
    ['a field less', claude, { claudeAiOauth: claude.claudeAiOauth }],
    ['another e-mail under any name', gemini, { ...gemini, active: 'agent@example.com' }],
    ['another API key of a provider', opencode, { ...opencode, provider: { type: 'api', key: 'sk-2' } }],
    ['an added address', opencode, { ...opencode, other: { ...opencode.other, enterpriseUrl: 'https://evil.example' } }],
    ['a list', { token: 'one' }, ['one']],
    ['nothing', { token: 'one' }, null],
  ])('A file with %s does not', (_, stored, refreshed) => {
    expect(holds(stored, refreshed)).toBe(false)
  })

  test('A file that is no JSON, names a field twice or is deeper than any sign-in does not', () => {
    const stored = '{"email":"operator@example.com"}'
    expect(isOfSameAccount(stored, stored)).toBe(true)
    expect(isOfSameAccount(stored, '{"email":"agent@example.com","email":"operator@example.com"}')).toBe(false)
    expect(isOfSameAccount(stored, '{"email":"operator@exam')).toBe(false)
    expect(isOfSameAccount('{"token":1}', `{"token":${'['.repeat(20_000)}${']'.repeat(20_000)}}`)).toBe(false)
  })

  test('A file of the greatest size is looked at in an instant, whatever an agent has put into it', () => {
    for (const text of ['.', '@', 'a.', '-_', '"', '\\', ' ']) {
      const value = `a@${text.repeat(250_000 / text.length)} `
      const before = performance.now()
      expect(holds({ token: 'one' }, { token: value })).toBe(true)
      expect(performance.now() - before).toBeLessThan(onThisMachine(2000))
    }
  })

  test('One changed field that says whose a sign-in is keeps any file from coming back', () => {
    const field = fc.constantFrom(
      'sub',
      'account_id',
      'accountUuid',
      'emailAddress',
      'user_id',
      'organizationUuid',
      'org_id',
      'tenantId',
      'userName',
      'login',
    )
    const rest = fc.dictionary(fc.stringMatching(/^t[a-z]{1,6}_token$/), fc.string())
    fc.assert(
      fc.property(field, rest, fc.tuple(fc.string(), fc.string()), fc.boolean(), (name, tokens, [was, is], isNested) => {
        const file = (value: string): unknown => (isNested ? { oauth: { ...tokens, [name]: value } } : { ...tokens, [name]: value })
        expect(holds(file(was), file(is))).toBe(was === is)
      }),
    )
  })
})
