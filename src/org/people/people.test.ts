import { createHmac } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { boardOf, browser, cookiesOf, person, signIn } from '../../dev/testing/people.ts'
import { TEST_PASSWORD } from '../../dev/testing/sessions.ts'
import { auditCount, lastAudit, useServer } from '../../dev/testing/world.ts'

const server = useServer({ people: {}, boardMode: 'token' })
const at = '/api/auth'

const rowsOf = async (personId: string) =>
  (
    await server().database.sql.query<{ action: string; companyId: string; details: Record<string, unknown> }>(
      'select action, company_id as "companyId", details from activity_log where entity_id = $1 order by seq',
      [personId],
    )
  ).rows

describe('signing up', () => {
  test('A new person has an account, a session and the cookies of Paperclip, and every change is on the record (I6)', async () => {
    const answer = await browser(server()).post(`${at}/sign-up/email`, {
      name: ' Ada ',
      email: 'Ada@Example.com',
      password: TEST_PASSWORD,
    })
    expect(answer).toMatchObject({
      status: 200,
      body: { redirect: false, token: null, user: { name: 'Ada', email: 'ada@example.com', emailVerified: false, image: null } },
    })
    const cookies = (answer.headers as unknown as Record<string, string[]>)['set-cookie'] ?? []
    expect(cookies).toHaveLength(2)
    expect(cookies[0]).toMatch(/^better-auth\.session_token=[^;]+; Max-Age=604800; Path=\/; HttpOnly; SameSite=Lax$/)
    expect(cookies[1]).toMatch(/^paperclip_device=[^;]+; Path=\/; Max-Age=15552000; HttpOnly; SameSite=Lax$/)
    const { id } = answer.body.user
    const instance = '00000000-0000-0000-0000-000000000000'
    expect(await rowsOf(id)).toMatchObject([
      { action: 'person.created', companyId: instance, details: { name: 'Ada', email: 'ada@example.com' } },
      { action: 'person.login_added', details: { provider: 'credential' } },
      { action: 'person.signed_in', details: { address: '127.0.0.1' } },
    ])
    const { rows } = await server().database.sql.query('select count(distinct txid)::int as count from activity_log where entity_id = $1', [
      id,
    ])
    expect(rows).toEqual([{ count: 1 }])
    const me = await browser(server()).get('/api/cli-auth/me', { cookie: cookiesOf(answer) })
    expect(me.body).toEqual({
      user: { id, name: 'Ada', email: 'ada@example.com' },
      userId: id,
      isInstanceAdmin: false,
      companyIds: [],
      source: 'session',
      keyId: null,
    })
    expect((await browser(server()).get(`${at}/get-session`, { cookie: cookiesOf(answer) })).body).toEqual({
      session: { id: `paperclip:session:${id}`, userId: id },
      user: { id, name: 'Ada', email: 'ada@example.com' },
    })
    expect((await browser(server()).get('/api/whoami', { cookie: cookiesOf(answer) })).body).toMatchObject({
      kind: 'board',
      userId: id,
      credential: 'session',
      mode: 'token',
    })
  })

  test('An address that has an account is refused, in any case of its letters, and nothing is recorded', async () => {
    const { email } = await person(server())
    const before = await auditCount(server())
    const again = { name: 'Eve', email: email.toUpperCase(), password: TEST_PASSWORD }
    expect((await browser(server()).post(`${at}/sign-up/email`, again)).body).toMatchObject({ code: 'email_taken' })
    for (const body of [
      { ...again, email: 'no address' },
      { ...again, email: 'b@example.com', password: 'short' },
      { ...again, email: 'b@example.com', name: ' ' },
      { ...again, email: 'b@example.com', password: 'x'.repeat(129) },
    ])
      expect((await browser(server()).post(`${at}/sign-up/email`, body)).body).toMatchObject({ code: 'validation_failed' })
    expect(await auditCount(server())).toBe(before)
  })

  test('Of two who make an account with one address at once one succeeds', async () => {
    const body = { name: 'Twin', email: 'twin@example.com', password: TEST_PASSWORD }
    const answers = await Promise.all([1, 2, 3].map(() => browser(server()).post(`${at}/sign-up/email`, body)))
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 422, 422])
  })

  test('A change without its audit row is not committed: when the record fails, there is no person (I6)', async () => {
    await server().database.sql.query(
      `create or replace function fail_people() returns trigger language plpgsql as $$ begin
        if new.action = 'person.signed_in' then raise exception 'the record is full'; end if; return new; end $$`,
    )
    await server().database.sql.query(
      'create trigger fail_people before insert on activity_log for each row execute function fail_people()',
    )
    try {
      const answer = await browser(server()).post(`${at}/sign-up/email`, {
        name: 'Lost',
        email: 'lost@example.com',
        password: TEST_PASSWORD,
      })
      expect(answer.status).toBe(500)
    } finally {
      await server().database.sql.query('drop trigger fail_people on activity_log')
    }
    expect((await server().database.sql.query("select 1 from people where email = 'lost@example.com'")).rows).toEqual([])
  })
})

describe('signing in', () => {
  test('A password opens a session, and a wrong one and an unknown account get the same answer', async () => {
    const { id, email } = await person(server())
    const good = await signIn(server(), email.toUpperCase())
    expect(good).toMatchObject({ status: 200, body: { redirect: false, token: null, user: { id } } })
    expect((await browser(server()).get('/api/cli-auth/me', { cookie: cookiesOf(good) })).body).toMatchObject({ userId: id })
    const wrong = await signIn(server(), email, 'not the password')
    const unknown = await signIn(server(), 'unknown@example.com', 'not the password')
    const shown = ({ status, body: { error, code } }: typeof wrong) => ({ status, error, code })
    expect(shown(wrong)).toEqual({ status: 401, error: 'Invalid email or password', code: 'credentials_wrong' })
    expect(shown(unknown)).toEqual(shown(wrong))
    expect((await lastAudit(server(), id, 'person.sign_in_failed')).details).toEqual({ address: '127.0.0.1' })
    expect((await lastAudit(server(), 'unknown', 'person.sign_in_failed')).details).toEqual({ address: '127.0.0.1' })
  })

  test('A session that is not remembered has a cookie without an end, and lasts a day', async () => {
    const { email } = await person(server())
    const answer = await browser(server()).post(`${at}/sign-in/email`, { email, password: TEST_PASSWORD, rememberMe: false })
    const [cookie] = (answer.headers as unknown as Record<string, string[]>)['set-cookie'] ?? []
    expect(cookie).not.toContain('Max-Age')
    const { rows } = await server().database.sql.query(
      "select expires_at < now() + interval '25 hours' as short from sign_ins order by created_at desc limit 1",
    )
    expect(rows).toEqual([{ short: true }])
  })

  test('A repeat under the same Idempotency-Key gets the same answer and makes no second session (I9)', async () => {
    const { id, email } = await person(server())
    const send = () => signIn(server(), email, TEST_PASSWORD, { 'idempotency-key': 'key-of-this-test' })
    const [first, second] = [await send(), await send()]
    expect(second.headers['idempotency-replayed']).toBe('true')
    expect(cookiesOf(second)).toBe(cookiesOf(first))
    expect((await server().database.sql.query('select 1 from sign_ins where person_id = $1', [id])).rows).toHaveLength(2)
  })

  test('A page of another site cannot sign a person in', async () => {
    const { email } = await person(server())
    const answer = await server().anonymous.post(
      `${at}/sign-in/email`,
      { email, password: TEST_PASSWORD },
      { origin: 'https://evil.example' },
    )
    expect(answer.body).toMatchObject({ code: 'origin_not_allowed' })
  })
})

describe('sessions', () => {
  test('A cookie that was changed, that another secret signed, or that has ended opens nothing', async () => {
    const { cookie, client } = await person(server())
    const [token = ''] = decodeURIComponent(/session_token=([^;]+)/.exec(cookie)?.[1] ?? '').split('.')
    const forged = createHmac('sha256', 'another secret of more than thirty-two characters').update(token).digest('base64')
    for (const value of [`${token}.${forged}`, token, `${token}.`, '%', `x${token}.${forged}`]) {
      const answer = await server().anonymous.get('/api/cli-auth/me', { cookie: `better-auth.session_token=${encodeURIComponent(value)}` })
      expect(answer.body).toMatchObject({ code: 'unauthorized', error: expect.stringContaining('Sign in again') as string })
    }
    expect((await client.get('/api/cli-auth/me')).status).toBe(200)
    expect((await server().anonymous.get('/api/cli-auth/me', { cookie: `${cookie}; ${cookie}` })).status).toBe(401)
    await server().database.passTime('7 days')
    await expect.poll(async () => (await client.get('/api/cli-auth/me')).status).toBe(401)
  })

  test('A change needs the proof that a page of this server sent it', async () => {
    const { cookie } = await person(server())
    const send = (headers: Record<string, string>) =>
      server().anonymous.post(`${at}/revoke-other-sessions`, undefined, { cookie, ...headers })
    expect((await send({})).body).toMatchObject({ code: 'origin_not_allowed', error: 'Board mutation requires trusted browser origin' })
    expect((await send({ referer: 'https://evil.example/page' })).status).toBe(403)
    expect((await send({ referer: 'no address' })).status).toBe(403)
    expect((await send({ origin: 'https://evil.example' })).status).toBe(403)
    expect((await send({ 'sec-fetch-site': 'same-site' })).status).toBe(403)
    expect((await send({ referer: `${server().url}/page` })).status).toBe(200)
    expect((await send({ origin: server().url })).status).toBe(200)
    expect((await send({ 'sec-fetch-site': 'same-origin' })).status).toBe(200)
    expect((await server().anonymous.get('/api/cli-auth/me', { cookie })).status).toBe(200)
  })

  test('Signing out ends the session at once and takes the cookie away', async () => {
    const { id, client } = await person(server())
    const answer = await client.post(`${at}/sign-out`)
    expect(answer).toMatchObject({ status: 200, body: { success: true, ended: 1 } })
    expect(answer.headers['set-cookie']).toEqual(['better-auth.session_token=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax'])
    expect((await client.get('/api/cli-auth/me')).status).toBe(401)
    expect((await lastAudit(server(), id, 'person.sessions_ended')).details).toMatchObject({ reason: 'signed_out' })
  })

  test('A person lists its sessions and ends one, the others, or all of them; another person cannot', async () => {
    const { email, client } = await person(server())
    const other = browser(server()).with({ cookie: cookiesOf(await signIn(server(), email)) })
    const third = browser(server()).with({ cookie: cookiesOf(await signIn(server(), email)) })
    const list = (await client.get(`${at}/list-sessions`)).body as { id: string; isCurrent: boolean }[]
    expect(list.map(({ isCurrent }) => isCurrent)).toEqual([false, false, true])
    const stranger = await person(server(), 'Stranger')
    expect((await stranger.client.post(`${at}/revoke-session`, { id: list[0]?.id })).body).toMatchObject({ code: 'not_found' })
    expect((await client.post(`${at}/revoke-session`, { id: list[0]?.id })).body).toEqual({ success: true, ended: 1 })
    expect((await third.get(`${at}/list-sessions`)).status).toBe(401)
    expect((await client.post(`${at}/revoke-other-sessions`)).body).toEqual({ success: true, ended: 1 })
    expect((await other.get(`${at}/list-sessions`)).status).toBe(401)
    expect((await client.post(`${at}/revoke-other-sessions`)).body).toEqual({ success: true, ended: 0 })
    expect((await client.post(`${at}/revoke-sessions`)).body).toEqual({ success: true, ended: 1 })
    expect((await client.get(`${at}/list-sessions`)).status).toBe(401)
  })

  test('A session that another server ends is refused here within a second (I16)', async () => {
    const { client } = await person(server())
    const peer = await server().startPeer()
    try {
      expect((await client.get('/api/cli-auth/me')).status).toBe(200)
      expect((await client.with({ host: new URL(peer.url).host, origin: peer.url }).get('/api/cli-auth/me')).status).toBe(200)
      expect(
        (
          await browser(peer)
            .with({ cookie: client.headers['cookie'] ?? '' })
            .post(`${at}/sign-out`)
        ).status,
      ).toBe(200)
      await expect.poll(async () => (await client.get('/api/cli-auth/me')).status, { timeout: 5000 }).toBe(401)
    } finally {
      await peer.stop()
    }
  })

  test('The holder of the token of the board has no session to list or to end', async () => {
    expect((await boardOf(server()).get(`${at}/list-sessions`)).body).toMatchObject({ code: 'session_required' })
    expect((await boardOf(server()).post(`${at}/sign-out`)).body).toMatchObject({ code: 'session_required' })
    expect((await boardOf(server()).get(`${at}/get-session`)).body).toMatchObject({ session: { userId: 'local-board' } })
    expect((await server().anonymous.get(`${at}/get-session`)).status).toBe(401)
  })
})

describe('changing the password', () => {
  test('A new password ends the other sessions, and only it signs in', async () => {
    const { id, email, client } = await person(server())
    const other = browser(server()).with({ cookie: cookiesOf(await signIn(server(), email)) })
    const change = (currentPassword: string, newPassword: string) => client.post(`${at}/change-password`, { currentPassword, newPassword })
    expect((await change('not the password', 'another password')).body).toMatchObject({ code: 'password_wrong' })
    expect((await change(TEST_PASSWORD, 'short')).status).toBe(400)
    expect(await change(TEST_PASSWORD, 'another password')).toMatchObject({ status: 200, body: { token: null, user: { id } } })
    expect((await other.get('/api/cli-auth/me')).status).toBe(401)
    expect((await client.get('/api/cli-auth/me')).status).toBe(200)
    expect((await signIn(server(), email)).status).toBe(401)
    expect((await signIn(server(), email, 'another password')).status).toBe(200)
    expect((await rowsOf(id)).map(({ action }) => action)).toEqual([
      'person.created',
      'person.login_added',
      'person.signed_in',
      'person.signed_in',
      'person.password_change_failed',
      'person.password_changed',
      'person.sessions_ended',
      'person.sign_in_failed',
      'person.signed_in',
    ])
  })

  test('The other sessions stay when the person asks for that', async () => {
    const { email, client } = await person(server())
    const other = browser(server()).with({ cookie: cookiesOf(await signIn(server(), email)) })
    const body = { currentPassword: TEST_PASSWORD, newPassword: 'another password', revokeOtherSessions: false }
    expect((await client.post(`${at}/change-password`, body)).status).toBe(200)
    expect((await other.get('/api/cli-auth/me')).status).toBe(200)
  })
})
