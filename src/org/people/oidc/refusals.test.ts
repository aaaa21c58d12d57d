import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createTestBrowser } from '../../../dev/testing/browserOfTests.ts'
import type { ShownPage, TestBrowser } from '../../../dev/testing/browserOfTests.ts'
import { startOidcProvider } from '../../../dev/testing/oidcProvider.ts'
import type { ForgedToken } from '../../../dev/testing/oidcProvider.ts'
import { lastAudit, useServer } from '../../../dev/testing/world.ts'

const provider = await startOidcProvider()
afterAll(() => provider.stop())

const server = useServer({
  people: { oidc: { ...provider.settings, allowedDomains: ['example.com', 'team.example.org'], timeoutSeconds: 1 } },
  boardMode: 'token',
})

beforeEach(async () => void (await server().database.sql.query('delete from auth_attempts')))
afterEach(() => {
  provider.accounts.clear()
  provider.forge = null
  provider.answerToken = null
})

const START = '/api/auth/oidc/start?next=/account'

async function signInAs(login: string): Promise<ShownPage & { browser: TestBrowser }> {
  const browser = createTestBrowser()
  const form = await browser.open(server().url + START)
  return { ...(await browser.go(form, form.url, { login })), browser }
}

/** The address with the answer of the provider, before the browser opens it. */
async function answerFor(login: string): Promise<{ browser: TestBrowser; url: string }> {
  const browser = createTestBrowser()
  const form = await browser.open(server().url + START)
  browser.stopsAt = server().url
  const { url } = await browser.go(form, form.url, { login })
  browser.stopsAt = null
  return { browser, url }
}

const lastFailure = async () => (await lastAudit(server(), 'unknown', 'person.provider_sign_in_failed')).details
const countOf = async (table: 'people' | 'sign_ins' | 'activity_log'): Promise<number> =>
  (await server().database.sql.query<{ count: number }>(`select count(*)::int as count from ${table}`)).rows[0]?.count ?? 0

describe('an answer of the provider', () => {
  const CLAIM = 'OAUTH_JWT_CLAIM_COMPARISON_FAILED'
  const INVALID = 'OAUTH_INVALID_RESPONSE'
  const OVER = 'OAUTH_JWT_TIMESTAMP_CHECK_FAILED'
  test.each<[string, string, (claims: ForgedToken['claims']) => ForgedToken]>([
    ['another nonce', CLAIM, (claims) => ({ claims: { ...claims, nonce: 'another' } })],
    ['no nonce', INVALID, ({ nonce: _, ...claims }) => ({ claims })],
    ['another issuer', CLAIM, (claims) => ({ claims: { ...claims, iss: 'https://evil.example' } })],
    ['another audience', CLAIM, (claims) => ({ claims: { ...claims, aud: 'another client' } })],
    [
      'two audiences without the party that it was made for',
      CLAIM,
      (claims) => ({ claims: { ...claims, aud: [String(claims.aud), 'another client'] } }),
    ],
    ['no signature', INVALID, (claims) => ({ claims, alg: 'none' })],
    ['the signature of another key', INVALID, (claims) => ({ claims, isForeign: true })],
    ['an end that is over', OVER, (claims) => ({ claims: { ...claims, exp: Number(claims.iat) - 60 } })],
    ['no subject', INVALID, ({ sub: _, ...claims }) => ({ claims })],
  ])('An ID token with %s signs no person in: the page is a 400, and the failure is on the record', async (_, cause, forge) => {
    provider.forge = forge
    const [people, sessions] = [await countOf('people'), await countOf('sign_ins')]
    const shown = await signInAs('forged@example.com')
    expect(shown.status).toBe(400)
    expect(shown.text).toContain('The answer of the provider is not valid. Begin the sign-in again')
    expect(await lastFailure()).toMatchObject({ issuer: provider.issuer, reason: 'answer_invalid', cause, address: '127.0.0.1' })
    expect([await countOf('people'), await countOf('sign_ins')]).toEqual([people, sessions])
    expect(shown.browser.cookies.has('better-auth.session_token')).toBe(false)
  })

  test('A person who cancels at the provider gets a 403 with the reason, and the code of the provider is on the record', async () => {
    const browser = createTestBrowser()
    const form = await browser.open(server().url + START)
    const shown = await browser.go(form, form.url, { cancel: 'yes' })
    expect(shown).toMatchObject({ status: 403, text: expect.stringContaining('The provider did not let you in') as string })
    expect(await lastFailure()).toMatchObject({ reason: 'provider_refused', cause: 'access_denied' })
  })

  test('An answer is used once: its repeat, and the code with a new state, are refused', async () => {
    const { browser, url } = await answerFor('once@example.com')
    const cookie = browser.cookies.get('paperclip_oidc') ?? ''
    expect((await browser.open(url)).status).toBe(200)
    browser.cookies.set('paperclip_oidc', cookie)
    const repeated = await browser.open(url)
    expect(repeated.status).toBe(400)
    expect(repeated.text).toContain('has been used, or is more than ten minutes old')
    expect(await lastFailure()).toMatchObject({ reason: 'state_used' })
    const again = await answerFor('once@example.com')
    const replayed = new URL(again.url)
    replayed.searchParams.set('code', new URL(url).searchParams.get('code') ?? '')
    expect((await again.browser.open(replayed.href)).status).toBe(400)
    expect(await lastFailure()).toMatchObject({ reason: 'answer_invalid', cause: 'invalid_grant' })
  })

  test('Of two requests with one answer at once one signs in', async () => {
    const { browser, url } = await answerFor('race@example.com')
    const other = createTestBrowser()
    for (const [name, value] of browser.cookies) other.cookies.set(name, value)
    const shown = await Promise.all([browser.open(url), other.open(url)])
    expect(shown.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 400])
  })

  test('An answer counts in the browser that began the sign-in, and with its state, only', async () => {
    const { browser, url } = await answerFor('bound@example.com')
    const stranger = createTestBrowser()
    for (const cookie of [undefined, 'forged', `${browser.cookies.get('paperclip_oidc')?.slice(0, -4)}AAAA`]) {
      if (cookie !== undefined) stranger.cookies.set('paperclip_oidc', cookie)
      const shown = await stranger.open(url)
      expect(shown).toMatchObject({ status: 400, text: expect.stringContaining('was not begun in this browser') as string })
      expect(await lastFailure()).toMatchObject({ reason: 'state_invalid' })
    }
    const other = new URL(url)
    other.searchParams.set('state', 'another')
    expect((await browser.open(other.href)).status).toBe(400)
    other.searchParams.delete('state')
    expect((await browser.open(other.href)).status).toBe(400)
    expect((await browser.open(url)).status).toBe(200)
  })

  test('An answer that names another issuer is refused (RFC 9207)', async () => {
    const { browser, url } = await answerFor('mixed@example.com')
    const other = new URL(url)
    other.searchParams.set('iss', 'https://evil.example')
    expect((await browser.open(other.href)).status).toBe(400)
    expect(await lastFailure()).toMatchObject({ reason: 'answer_invalid' })
  })

  test('A sign-in that takes more than ten minutes is over', async () => {
    const { browser, url } = await answerFor('slow@example.com')
    await server().database.passTime('10 minutes')
    const shown = await browser.open(url)
    expect(shown).toMatchObject({ status: 400, text: expect.stringContaining('more than ten minutes old') as string })
  })

  test('An address gets thirty answers that fail in five minutes, and those that succeed are not counted', async () => {
    for (let n = 0; n < 3; n += 1) expect((await signInAs('counted@example.com')).status).toBe(200)
    const callback = '/api/auth/callback/oidc?code=x&state=y'
    const answers = []
    for (let n = 0; n < 31; n += 1) answers.push((await server().anonymous.get(callback)).status)
    expect(answers.filter((status) => status === 400)).toHaveLength(30)
    expect(answers.at(-1)).toBe(429)
    const before = await countOf('activity_log')
    expect((await server().anonymous.get(callback)).status).toBe(429)
    expect(await countOf('activity_log')).toBe(before)
  })
})

describe('the address of a person', () => {
  test.each([
    [{ email: 'a@example.com', email_verified: false }],
    [{ email: 'a@example.com', email_verified: 'true' }],
    [{ email: 'a@example.com' }],
    [{ email: 'no address', email_verified: true }],
    [{ email_verified: true }],
  ])('The claims %j are not verified, so they open no account', async (claims) => {
    provider.accounts.set('unverified', claims)
    const shown = await signInAs('unverified')
    expect(shown).toMatchObject({ status: 403, text: expect.stringContaining('has not verified your e-mail address') as string })
    expect(await lastFailure()).toMatchObject({ reason: 'address_unverified' })
  })

  test.each([
    'a@evil.example',
    'a@sub.example.com',
    'a@notexample.com',
    'a@example.com.evil.example',
    '"a@example.com"@evil.example',
    'a@example.org',
  ])('The address %s is of no domain that is let in', async (email) => {
    provider.accounts.set('foreign', { email, email_verified: true })
    const shown = await signInAs('foreign')
    expect(shown.status).toBe(403)
    expect(['domain_not_allowed', 'address_unverified']).toContain((await lastFailure())['reason'])
  })

  test('Domains are compared without regard to case, and also for those who have an account', async () => {
    provider.accounts.set('member', { email: 'Member@TEAM.example.ORG', email_verified: true })
    expect((await signInAs('member')).text).toContain('member@team.example.org')
    provider.accounts.set('member', { email: 'member@elsewhere.example', email_verified: true })
    expect((await signInAs('member')).status).toBe(403)
    expect(await lastFailure()).toMatchObject({ reason: 'domain_not_allowed' })
  })
})

describe('a provider that does not work', () => {
  const unavailable = { status: 503, text: expect.stringContaining('The provider does not answer as it should') as string }

  test('An answer that is late, too large, or no answer of a provider is a 503, and nothing waits for more', async () => {
    provider.answerToken = () => {}
    expect(await signInAs('late@example.com')).toMatchObject(unavailable)
    expect(await lastFailure()).toMatchObject({ reason: 'provider_unavailable', cause: 'OAUTH_TIMEOUT' })
    provider.answerToken = (response) =>
      void response.writeHead(200, { 'content-type': 'application/json' }).end(`"${'x'.repeat(2_000_000)}"`)
    expect(await signInAs('large@example.com')).toMatchObject(unavailable)
    expect(await lastFailure()).toMatchObject({ reason: 'provider_unavailable', cause: 'ANSWER_TOO_LARGE' })
    provider.answerToken = (response) => void response.writeHead(500, { 'content-type': 'text/html' }).end('<h1>down</h1>')
    expect(await signInAs('broken@example.com')).toMatchObject(unavailable)
    provider.answerToken = (response) => response.destroy()
    expect(await signInAs('closed@example.com')).toMatchObject(unavailable)
  })

  test('No transaction waits for the provider', async () => {
    let waiting: Promise<unknown[]> | undefined
    provider.answerToken = (response) => {
      const open = "select 1 from pg_stat_activity where datname = current_database() and state like 'idle in transaction%'"
      waiting = server()
        .database.sql.query(open)
        .then(({ rows }) => rows)
        .finally(() => response.destroy())
    }
    await signInAs('waiting@example.com')
    expect(await waiting).toEqual([])
  })
})
