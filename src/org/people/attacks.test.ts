// Attacks on accounts and sessions, by people who have none, or another one.

import { createHmac } from 'node:crypto'
import { beforeEach, describe, expect, test } from 'vitest'
import { countLockWaiters } from '../../dev/testing/holds.ts'
import { boardOf, browser, cookiesOf, member, person, signIn } from '../../dev/testing/people.ts'
import { countByStatus } from '../../dev/testing/race.ts'
import { sendRawRequest } from '../../dev/testing/rawHttp.ts'
import { TEST_AUTH_SECRET, TEST_PASSWORD } from '../../dev/testing/sessions.ts'
import { useServer, world } from '../../dev/testing/world.ts'
import type { Answer } from '../../dev/testing/world.ts'

const server = useServer({ people: {}, boardMode: 'token', trustedProxies: ['127.0.0.1'] })
const at = '/api/auth'
const NAME = 'better-auth.session_token'

beforeEach(async () => void (await server().database.sql.query('delete from auth_attempts')))

/** The value of the cookie of a session, as a browser has it. */
const valueOf = (cookie: string): string => new RegExp(`${NAME}=([^;]+)`).exec(cookie)?.[1] ?? ''
const statusWith = async (cookie: string): Promise<number> => (await server().anonymous.get('/api/cli-auth/me', { cookie })).status
const signUp = (fields: Record<string, unknown>, headers: Record<string, string> = {}): Promise<Answer> =>
  browser(server()).post(`${at}/sign-up/email`, { name: 'Eve', email: 'eve@example.com', password: TEST_PASSWORD, ...fields }, headers)
const from = (address: string): Record<string, string> => ({ 'x-forwarded-for': address })

describe('cookies', () => {
  test('A session that a browser brings along is not the one that a sign-in opens in it, and stays that of its person', async () => {
    const [victim, attacker] = [await person(server()), await person(server(), 'Eve')]
    const planted = `${NAME}=planted-by-an-attacker.${'A'.repeat(43)}%3D`
    for (const cookie of [attacker.cookie, planted]) {
      const answer = await signIn(server(), victim.email, TEST_PASSWORD, { cookie })
      expect(answer.status).toBe(200)
      expect(valueOf(cookiesOf(answer))).not.toBe(valueOf(cookie))
    }
    expect((await attacker.client.get('/api/cli-auth/me')).body).toMatchObject({ userId: attacker.id })
    expect(await statusWith(planted)).toBe(401)
  })

  test('Only the cookie of the exact name counts, and one that is there twice counts as none', async () => {
    const { cookie } = await person(server())
    const value = valueOf(cookie)
    expect(await statusWith(`a=b;\t${NAME}=${value}  ; c=d`)).toBe(200)
    for (const name of [`__Secure-${NAME}`, `__Host-${NAME}`, `x${NAME}`, `${NAME}x`, NAME.toUpperCase(), `${NAME} `, `$${NAME}`])
      expect(await statusWith(`${name}=${value}`), name).toBe(401)
    for (const other of [value, 'x', '', `"${value}"`]) {
      expect(await statusWith(`${NAME}=${other}; ${NAME}=${value}`)).toBe(401)
      expect(await statusWith(`${NAME}=${value}; ${NAME}=${other}`)).toBe(401)
    }
    expect(await statusWith(`other="; ${NAME}=${value}"`)).toBe(401)
    const twice = ['GET /api/cli-auth/me HTTP/1.1', 'Host: localhost', `Cookie: ${NAME}=${value}`]
    expect(await sendRawRequest(server().url, twice)).toMatchObject({ status: 200 })
    expect(await sendRawRequest(server().url, [...twice, `Cookie: ${NAME}=x`])).toMatchObject({ status: 401 })
  })

  test('A signature has one spelling, and the value around it is no longer than a session needs', async () => {
    const { cookie } = await person(server())
    const [token = '', signature = ''] = decodeURIComponent(valueOf(cookie)).split('.')
    const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
    const last = letters.indexOf(signature.at(-2) ?? '')
    const sameBytes = `${signature.slice(0, -2)}${letters[last + 1]}=`
    expect(Buffer.from(sameBytes, 'base64')).toEqual(Buffer.from(signature, 'base64'))
    for (const text of [sameBytes, signature.slice(0, -1), `${signature}=`, signature.replaceAll('+', ' '), `${signature}\n`])
      if (text !== signature) expect(await statusWith(`${NAME}=${encodeURIComponent(`${token}.${text}`)}`), text).toBe(401)
    for (const long of ['x'.repeat(7000), '%25'.repeat(2000), '%'.repeat(7000), `${token}.${signature}${'='.repeat(7000)}`])
      expect(await statusWith(`${NAME}=${long}`)).toBe(401)
    const many = Array.from({ length: 1800 }, (_, n) => `a${n % 10}`).join(';')
    expect(await statusWith(`${many};${NAME}=${valueOf(cookie)}`)).toBe(200)
    expect(await statusWith('x'.repeat(20_000))).toBe(431)
  })

  test('A text that this server signed for another purpose opens no session', async () => {
    const ada = await person(server())
    const device = /paperclip_device=([^;]+)/.exec(ada.cookie)?.[1] ?? ''
    expect(await statusWith(`${NAME}=${device}`)).toBe(401)
    const token = 'a-token-that-no-session-has-at-all'
    const signed = `${token}.${createHmac('sha256', TEST_AUTH_SECRET).update(token).digest('base64')}`
    expect(await statusWith(`${NAME}=${encodeURIComponent(signed)}`)).toBe(401)
    expect(await statusWith(`paperclip_device=${encodeURIComponent(valueOf(ada.cookie))}`)).toBe(401)
  })
})

describe('pages of other sites', () => {
  test('They follow no events with the session of a person, by WebSocket or as a stream, and read nothing', async () => {
    const { company } = await world(server())
    const ada = await member(server(), company.id, 'viewer')
    const path = `/api/companies/${company.id}`
    const ask = (target: string, ...more: string[]) =>
      sendRawRequest(server().url, [`GET ${target} HTTP/1.1`, 'Host: localhost', `Cookie: ${ada.cookie}`, ...more])
    const handshake = [
      'Upgrade: websocket',
      'Connection: Upgrade',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
    ]
    for (const origin of [
      'https://evil.example',
      'null',
      'http://localhost:1',
      'http://localhost.',
      'https://evil.example http://localhost',
    ]) {
      expect((await ask(`${path}/events/ws`, ...handshake, `Origin: ${origin}`)).status, origin).toBe(403)
      expect((await ask(`${path}/events`, `Origin: ${origin}`)).status, origin).toBe(403)
      expect((await ask(path, `Origin: ${origin}`)).status, origin).toBe(403)
    }
    expect((await ask(path, 'Origin: HTTP://LOCALHOST')).status).toBe(200)
    expect((await ask(path, 'Origin: http://localhost', 'Origin: https://evil.example')).status).toBe(403)
    for (const site of ['cross-site', 'same-site']) expect((await ask(path, `Sec-Fetch-Site: ${site}`)).status).toBe(403)
  })
})

describe('accounts', () => {
  test('One address is one account, however its letters and the blanks around it are written', async () => {
    expect((await signUp({ email: 'dan@example.com' })).status).toBe(200)
    for (const email of [
      'DAN@EXAMPLE.COM',
      ' dan@example.com',
      'dan@example.com\t',
      '\u00A0Dan@Example.com\u2003',
      '\uFEFFdan@example.com',
    ])
      expect((await signUp({ email })).body, JSON.stringify(email)).toMatchObject({ code: 'email_taken' })
    for (const email of [
      'dan@example.com\u200B',
      'd\u200Dan@example.com',
      'd\u0430n@example.com',
      '\uFF44an@example.com',
      'dan@ex\u00E4mple.com',
      'dan@example\u3002com',
      'dan@example.com.',
      '"dan"@example.com',
      'dan @example.com',
      'dan@example.com\r\nbcc: eve@example.com',
      'dan@example.com\0',
      'dan@[127.0.0.1]',
      'dan\u212A@example.com',
    ])
      expect((await signUp({ email })).status, JSON.stringify(email)).toBe(400)
    const { rows } = await server().database.sql.query("select email from people where email like '%dan%'")
    expect(rows).toEqual([{ email: 'dan@example.com' }])
  })

  test('A name is one line that a screen shows, so it writes no header, no second line of a log and no empty place', async () => {
    for (const name of ['Eve\r\nSet-Cookie: a=b', 'Eve\nEve', 'Eve\0', 'E\u001B[2J', 'E\u2028e', 'E\u0085e', '\u200B', '\u2063 \uFE0F'])
      expect((await signUp({ name })).status, JSON.stringify(name)).toBe(400)
    const answer = await signUp({ name: '\u00C9va \u{1F642} O\u2019Neil <b>', email: 'eva@example.com' })
    expect(answer.body.user.name).toBe('\u00C9va \u{1F642} O\u2019Neil <b>')
  })

  test('A password counts to its last letter, and a longer one than the limit is refused and not cut', async () => {
    const longest = `${'p'.repeat(127)}!`
    expect((await signUp({ email: 'long@example.com', password: longest })).status).toBe(200)
    for (const wrong of ['p'.repeat(127), longest.slice(0, 72), `${'p'.repeat(127)}?`])
      expect((await signIn(server(), 'long@example.com', wrong)).status).toBe(401)
    expect((await signIn(server(), 'long@example.com', longest)).status).toBe(200)
    expect((await signIn(server(), 'long@example.com', `${longest}!`)).body).toMatchObject({ code: 'validation_failed' })
    expect((await signIn(server(), 'long@example.com', `${longest}\0`)).status).toBe(400)
    expect((await signUp({ password: 'eight\0letters' })).body).toMatchObject({ code: 'bad_request' })
    expect((await signIn(server(), 'long@example.com', 'p'.repeat(1_000_000))).body).toMatchObject({ code: 'body_too_large' })
  })

  test('A flood of new accounts is bounded for a network of IPv6 as for an address, and other addresses do not wait', async () => {
    const answers: Answer[] = []
    for (let n = 0; n < 12; n += 1) answers.push(await signUp({ email: `flood${n}@example.com` }, from(`2001:db8:1:1::${n + 1}`)))
    expect(countByStatus(answers)).toEqual({ 200: 10, 429: 2 })
    expect((await signUp({ email: 'calm@example.com' }, from('2001:db8:1:2::1'))).status).toBe(200)
  })

  test('A person who signs in without end is asked to wait, from a browser that is known as well', async () => {
    const { id, email, cookie } = await person(server())
    await server().database.sql.query("insert into auth_attempts values ('signed-in:' || $1, 99, now() + interval '1 hour')", [id])
    expect((await signIn(server(), email, TEST_PASSWORD, { cookie })).status).toBe(200)
    for (const headers of [{ cookie }, from('192.0.2.1')])
      expect((await signIn(server(), email, TEST_PASSWORD, headers as Record<string, string>)).body).toMatchObject({
        code: 'too_many_attempts',
      })
  })
})

describe('tokens that are sent to people', () => {
  test('Of five who use a link for a new password at once one sets it, and then the link is worth nothing', async () => {
    const ada = await person(server())
    const link = (): Promise<Answer> => boardOf(server()).post(`/api/admin/users/${ada.id}/reset-links`)
    const [before, { token }] = [(await link()).body.token, (await link()).body]
    const reset = (given: string, newPassword: string): Promise<Answer> =>
      browser(server()).post(`${at}/reset-password`, { token: given, newPassword })
    const passwords = [1, 2, 3, 4, 5].map((n) => `the new password ${n}`)
    const answers = await Promise.all(passwords.map((password) => reset(token, password)))
    expect(countByStatus(answers)).toEqual({ 200: 1, 404: 4 })
    const signIns = await Promise.all(passwords.map((password) => signIn(server(), ada.email, password)))
    expect(signIns.map(({ status }) => status === 200)).toEqual(answers.map(({ status }) => status === 200))
    for (const old of [token, before, `${token}x`, token.slice(0, -1), token.toUpperCase()])
      expect((await reset(old, 'another password')).body).toMatchObject({ code: 'not_found' })
    expect((await ada.client.get('/api/cli-auth/me')).status).toBe(401)
  })

  test('A session that the old password is about to open does not outlive the new one', async () => {
    const ada = await person(server())
    const { token } = (await boardOf(server()).post(`/api/admin/users/${ada.id}/reset-links`)).body
    const { sql } = server().database
    await sql.query(
      `create function wait_here() returns trigger language plpgsql as $$ begin perform pg_advisory_xact_lock(4711); return new; end $$;
       create trigger wait_here before insert on sign_ins for each row execute function wait_here()`,
    )
    const gate = await sql.connect()
    const waiting = (count: number): Promise<void> => expect.poll(() => countLockWaiters(server())).toBe(count)
    try {
      await gate.query('select pg_advisory_lock(4711)')
      const signingIn = signIn(server(), ada.email)
      await waiting(1)
      const resetting = browser(server()).post(`${at}/reset-password`, { token, newPassword: 'the new password' })
      // The reset waits for the session, which would otherwise be made behind it.
      await waiting(2)
      await gate.query('select pg_advisory_unlock(4711)')
      const [opened, reset] = await Promise.all([signingIn, resetting])
      expect([opened.status, reset.status]).toEqual([200, 200])
      expect(await statusWith(cookiesOf(opened))).toBe(401)
    } finally {
      gate.release()
      await sql.query('drop trigger wait_here on sign_ins; drop function wait_here()')
    }
  })

  test('A guess of an invitation is the same 404 as one that was used, whatever it resembles', async () => {
    const { company } = await world(server())
    const { token } = (await boardOf(server()).post(`/api/companies/${company.id}/invites`, {})).body
    const [used, other, third] = [await person(server()), await person(server()), await person(server())]
    const accept = (given: string, { client } = used): Promise<Answer> =>
      client.post(`/api/invites/${given}/accept`, { requestType: 'human' })
    const guesses = [
      token.slice(0, -1),
      `${token}0`,
      token.toUpperCase(),
      'pcp_invite_%25',
      '%25',
      'pcp_invite_',
      `..%2F${token}`,
      `${token}%20`,
    ]
    for (const guess of guesses) {
      expect((await server().anonymous.get(`/api/invites/${guess}`)).status, guess).toBe(404)
      expect((await accept(guess)).status, guess).toBe(404)
    }
    const answers = await Promise.all([accept(token), accept(token, other), accept(token), accept(token, other)])
    // The one whose request it was may ask again, and gets the same request.
    expect(countByStatus(answers)).toEqual({ 202: 2, 404: 2 })
    expect(new Set(answers.filter(({ status }) => status === 202).map(({ body }) => body.id)).size).toBe(1)
    const shown = ({ body: { requestId: _, ...body } }: Answer): unknown => body
    expect(shown(await accept(token, third))).toEqual(shown(await accept(guesses[0] ?? '', third)))
  })
})
