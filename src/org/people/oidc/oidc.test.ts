import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { createTestBrowser } from '../../../dev/testing/browserOfTests.ts'
import type { ShownPage, TestBrowser } from '../../../dev/testing/browserOfTests.ts'
import { startOidcProvider } from '../../../dev/testing/oidcProvider.ts'
import { boardOf, person } from '../../../dev/testing/people.ts'
import { TEST_PASSWORD } from '../../../dev/testing/sessions.ts'
import { useServer, world } from '../../../dev/testing/world.ts'
import type { TestServer } from '../../../dev/testing/world.ts'

const provider = await startOidcProvider()
afterAll(() => provider.stop())
afterEach(() => provider.accounts.clear())

const people = { oidc: provider.settings }
const server = useServer({ people, boardMode: 'token' })
const closed = useServer({ people: { ...people, allowsSignUp: false }, boardMode: 'token' })

interface SignIn {
  readonly browser?: TestBrowser
  readonly at?: TestServer
  readonly next?: string
}

/** Goes from the page of the sign-in to the form of the provider. */
async function toProvider({ browser = createTestBrowser(), at = server(), next = '/account' }: SignIn) {
  const shown = await browser.open(`${at.url}/sign-in?next=${encodeURIComponent(next)}`)
  const [, link = ''] = /href="([^"]+)">Sign in with 127\.0\.0\.1:\d+</.exec(shown.text) ?? []
  return { browser, form: await browser.go(shown, link) }
}

/** Signs in at the provider, as far as the browser is sent. */
async function signInAs(login: string, options: SignIn = {}): Promise<ShownPage & { browser: TestBrowser }> {
  const { browser, form } = await toProvider(options)
  return { ...(await browser.go(form, form.url, { login })), browser }
}

const sql = async <T extends object>(text: string, ...values: unknown[]): Promise<T[]> =>
  (await server().database.sql.query<T>(text, values)).rows

const personOf = async (email: string) =>
  (await sql<{ id: string; name: string }>('select id, name from people where email = $1', email))[0]

const rowsOf = (id: string) =>
  sql<{ action: string; details: Record<string, unknown>; txid: string }>(
    `select action, details, txid::text from activity_log where entity_id = $1 and company_id = '00000000-0000-0000-0000-000000000000' order by seq`,
    id,
  )

describe('the first sign-in at a provider', () => {
  test('It makes an account and a session in one transaction with three audit rows, and stores no token of the provider (I6)', async () => {
    const { browser, ...shown } = await signInAs('Ada@Example.com')
    expect(shown).toMatchObject({ status: 200, url: `${server().url}/account` })
    expect(shown.text).toContain('You are Ada of the provider (ada@example.com).')
    const ada = await personOf('ada@example.com')
    const rows = await rowsOf(ada?.id ?? '')
    expect(rows).toMatchObject([
      { action: 'person.created', details: { name: 'Ada of the provider', email: 'ada@example.com' } },
      { action: 'person.login_added', details: { provider: provider.issuer } },
      { action: 'person.signed_in', details: { address: '127.0.0.1' } },
    ])
    expect(new Set(rows.map(({ txid }) => txid)).size).toBe(1)
    const tokens = 'access_token, refresh_token, id_token, scope, password'
    expect(await sql(`select provider_id, account_id, ${tokens} from logins where person_id = $1`, ada?.id)).toEqual([
      {
        provider_id: provider.issuer,
        account_id: 'Ada@Example.com',
        access_token: null,
        refresh_token: null,
        id_token: null,
        scope: null,
        password: null,
      },
    ])
    expect([...browser.cookies.keys()]).toContain('better-auth.session_token')
    expect([...browser.cookies.keys()]).not.toContain('paperclip_oidc')
  })

  test('The request to the provider has a state, a nonce and a challenge, and their secrets stay in a cookie that no script reads', async () => {
    const browser = createTestBrowser()
    browser.stopsAt = provider.issuer
    const { form } = await toProvider({ browser })
    const asked = new URL(form.url)
    expect(Object.fromEntries(asked.searchParams)).toMatchObject({
      response_type: 'code',
      scope: 'openid email profile',
      code_challenge_method: 'S256',
      redirect_uri: `${server().url}/api/auth/callback/oidc`,
      state: expect.stringMatching(/^[\w-]{43}$/) as string,
      nonce: expect.stringMatching(/^[\w-]{43}$/) as string,
      code_challenge: expect.stringMatching(/^[\w-]{43}$/) as string,
    })
    const [line] = form.headers['set-cookie'] ?? []
    expect(line).toMatch(/^paperclip_oidc=[\w.-]+; Path=\/; Max-Age=600; HttpOnly; SameSite=Lax$/)
    expect(line).not.toContain(asked.searchParams.get('nonce'))
  })

  test('The next sign-in finds the account by issuer and subject, also when the address at the provider has changed', async () => {
    provider.accounts.set('grace', { email: 'grace@example.com', email_verified: true, name: ' ' })
    expect((await signInAs('grace')).text).toContain('You are grace (grace@example.com).')
    provider.accounts.set('grace', { email: 'other@example.com', email_verified: true, name: 'Other' })
    expect((await signInAs('grace')).text).toContain('You are grace (grace@example.com).')
    expect(await personOf('other@example.com')).toBeUndefined()
  })

  test('Of two first sign-ins of one identity at once one makes the account, and both are signed in', async () => {
    const browsers = await Promise.all([1, 2, 3].map(() => toProvider({})))
    const shown = await Promise.all(browsers.map(({ browser, form }) => browser.go(form, form.url, { login: 'twin@example.com' })))
    expect(shown.map(({ status }) => status)).toEqual([200, 200, 200])
    for (const { text } of shown) expect(text).toContain('twin@example.com')
    const twin = await personOf('twin@example.com')
    expect((await rowsOf(twin?.id ?? '')).map(({ action }) => action).toSorted()).toEqual([
      'person.created',
      'person.login_added',
      'person.signed_in',
      'person.signed_in',
      'person.signed_in',
    ])
  })

  test('An address that an account has is not taken over: the page says how to link, and the failure is on the record', async () => {
    const owner = await person(server())
    const shown = await signInAs(owner.email)
    expect(shown.status).toBe(409)
    expect(shown.text).toContain('Sign in with its password, and then link the provider at /account')
    expect(shown.browser.cookies.has('better-auth.session_token')).toBe(false)
    expect(await sql('select 1 from logins where person_id = $1', owner.id)).toHaveLength(1)
    const rows = await rowsOf('unknown')
    expect(rows.at(-1)).toMatchObject({
      action: 'person.provider_sign_in_failed',
      details: { issuer: provider.issuer, reason: 'account_exists', cause: null, address: '127.0.0.1' },
    })
  })

  test('The browser is sent on within this server only, and a page of another site signs no person in without a click', async () => {
    for (const next of ['https://evil.example', '//evil.example', '/\\evil.example', `/${'x'.repeat(2000)}`])
      expect((await signInAs('local@example.com', { next })).url).toBe(`${server().url}/account`)
    const foreign = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }
    const answer = await server().anonymous.get('/api/auth/oidc/start?next=/account', foreign)
    expect(answer).toMatchObject({ status: 200, text: expect.stringContaining('Sign in with 127.0.0.1') as string })
    expect(answer.headers['set-cookie']).toBeUndefined()
    expect((await server().anonymous.post('/api/auth/oidc/start')).status).toBe(404)
  })
})

describe('where accounts cannot be made', () => {
  test('A first sign-in is refused, and the invitation to a company lets it through', async () => {
    const refused = await signInAs('eve@example.com', { at: closed() })
    expect(refused.status).toBe(403)
    expect(refused.text).toContain('Making an account is disabled here')
    const { company } = await world(closed())
    const made = await boardOf(closed()).post(`/api/companies/${company.id}/invites`, { allowedJoinTypes: 'human' })
    const forAgents = await boardOf(closed()).post(`/api/companies/${company.id}/invites`, { allowedJoinTypes: 'agent' })
    expect((await signInAs('eve@example.com', { at: closed(), next: `/invite/${forAgents.body.token}` })).status).toBe(403)
    expect((await signInAs('eve@example.com', { at: closed(), next: '/invite/pcp_invite_unknown' })).status).toBe(403)
    const invited = await signInAs('eve@example.com', { at: closed(), next: `/invite/${made.body.token}` })
    expect(invited.text).toContain('Join Acme Works')
    const second = await signInAs('mallory@example.com', { at: closed(), next: `/invite/${made.body.token}` })
    expect(second).toMatchObject({ status: 403, text: expect.stringContaining('has made no account yet') as string })
    const accepted = await invited.browser.go(invited, invited.url, { action: 'accept' })
    expect(accepted.text).toContain('A person of the company decides whether you join.')
    expect((await signInAs('eve@example.com', { at: closed() })).text).toContain('eve@example.com')
  })

  test('The first administrator comes by its invitation and the provider', async () => {
    const { body } = await boardOf(closed()).post('/api/instance/bootstrap-invites', {})
    const invited = await signInAs('first@example.com', { at: closed(), next: new URL(body.url as string).pathname })
    expect(invited.text).toContain('Administer this server')
    expect((await invited.browser.go(invited, invited.url, { action: 'accept' })).text).toContain('You administer this server.')
    expect((await closed().anonymous.get('/api/health')).body).toMatchObject({ bootstrapStatus: 'ready' })
  })
})

/** Signs in with a password, on the page. */
async function signInHere(email: string): Promise<ShownPage & { browser: TestBrowser }> {
  const browser = createTestBrowser()
  const shown = await browser.open(`${server().url}/sign-in`)
  return { ...(await browser.go(shown, shown.url, { email, password: TEST_PASSWORD })), browser }
}

/** Begins to link from the page of the account, up to the form of the provider. */
async function toLink(email: string) {
  const { browser, ...account } = await signInHere(email)
  expect(account.text).toContain('Link your account at 127.0.0.1')
  return { browser, account, form: await browser.go(account, '/account', { action: 'link' }) }
}

async function linkAs(email: string, login: string) {
  const { browser, form } = await toLink(email)
  return { ...(await browser.go(form, form.url, { login })), browser }
}

const loginIn = ({ text }: ShownPage): string => /name="login" value="([^"]+)"/.exec(text)?.[1] ?? ''

describe('linking an identity to an account', () => {
  test('A person who has signed in links an identity, signs in with it, and unlinks it', async () => {
    const { id, email } = await person(server())
    const linked = await linkAs(email, 'linked@example.com')
    expect(linked.text).toContain('Unlink 127.0.0.1')
    expect(linked.text).not.toContain('Link your account')
    expect((await rowsOf(id)).at(-1)).toMatchObject({ action: 'person.login_added', details: { provider: provider.issuer } })
    const { browser, ...account } = await signInAs('linked@example.com')
    expect(account.text).toContain(email)
    const unlinked = await browser.go(account, '/account', { action: 'unlink', login: loginIn(account) })
    expect(unlinked.text).toContain('Link your account at 127.0.0.1')
    expect((await rowsOf(id)).at(-1)).toMatchObject({ action: 'person.login_removed', details: { provider: provider.issuer } })
    expect((await signInAs('linked@example.com')).text).toContain('You are Ada of the provider (linked@example.com).')
  })

  test('An identity belongs to one account, and linking it again changes nothing', async () => {
    const [one, other] = [await person(server()), await person(server())]
    expect((await linkAs(one.email, 'mine@example.com')).status).toBe(200)
    const before = await rowsOf(one.id)
    const refused = await linkAs(other.email, 'mine@example.com')
    expect(refused.status).toBe(409)
    expect(refused.text).toContain('belongs to another account here')
    expect((await rowsOf(other.id)).at(-1)).toMatchObject({ details: { reason: 'linked_elsewhere' } })
    const { browser, ...account } = await signInHere(one.email)
    const form = await browser.go(account, '/account', { action: 'link' })
    expect((await browser.go(form, form.url, { login: 'mine@example.com' })).status).toBe(200)
    expect((await rowsOf(one.id)).filter(({ action }) => action !== 'person.signed_in')).toEqual(
      before.filter(({ action }) => action !== 'person.signed_in'),
    )
  })

  test('A link needs the session that began it, to the end', async () => {
    const { id, email } = await person(server())
    const { browser, form } = await toLink(email)
    await server().database.sql.query('delete from sign_ins where person_id = $1', [id])
    const late = await browser.go(form, form.url, { login: 'late@example.com' })
    expect(late.status).toBe(403)
    expect(late.text).toContain('Your session has ended meanwhile')
    expect((await rowsOf(id)).at(-1)).toMatchObject({ details: { reason: 'session_ended' } })
    expect(await sql('select 1 from logins where account_id = $1', 'late@example.com')).toEqual([])
    const stranger = createTestBrowser()
    const page = await stranger.open(`${server().url}/sign-in`)
    expect((await stranger.go(page, '/account', { action: 'link' })).url).toBe(`${server().url}/sign-in?next=/account`)
  })

  test('The last way to sign in cannot be removed, also when two are removed at once', async () => {
    const only = await signInAs('only@example.com')
    expect(only.text).toContain('Your account has no password')
    const refused = await only.browser.go(only, '/account', { action: 'unlink', login: loginIn(only) })
    expect(refused.status).toBe(409)
    expect(refused.text).toContain('The last way to sign in cannot be removed')
    const id = (await personOf('only@example.com'))?.id ?? ''
    const add = (at: string, account: string) =>
      sql(
        'insert into logins (id, provider_id, account_id, person_id) values (gen_random_uuid(), $1, $2, $3) returning id',
        at,
        account,
        id,
      )
    const [elsewhere] = (await add('https://former.example', 'x')) as { id: string }[]
    expect((await only.browser.go(only, '/account', { action: 'unlink', login: loginIn(only) })).status).toBe(409)
    expect((await only.browser.go(only, '/account', { action: 'unlink', login: elsewhere?.id ?? '' })).status).toBe(200)
    const [second] = (await add(provider.issuer, 'second')) as { id: string }[]
    const both = await Promise.all(
      [loginIn(only), second?.id ?? ''].map((login) => only.browser.go(only, '/account', { action: 'unlink', login })),
    )
    expect(both.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 409])
    const stranger = await signInAs('stranger@example.com')
    const [left] = await sql<{ id: string }>('select id from logins where person_id = $1', id)
    expect((await stranger.browser.go(stranger, '/account', { action: 'unlink', login: left?.id ?? '' })).status).toBe(404)
  })
})
