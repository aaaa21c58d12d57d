import { beforeEach, describe, expect, test } from 'vitest'
import { browser, cookiesOf, person, signIn } from '../../dev/testing/people.ts'
import { TEST_PASSWORD } from '../../dev/testing/sessions.ts'
import { countByStatus } from '../../dev/testing/race.ts'
import { useServer } from '../../dev/testing/world.ts'
import { forgetSignIns } from './forget.ts'
import type { TestServer } from '../../dev/testing/world.ts'

const server = useServer({ people: {}, boardMode: 'token', trustedProxies: ['127.0.0.1', '::1'] })
/** A client at an address, behind the proxy that the server trusts. */
const from = (address: string): Record<string, string> => ({ 'x-forwarded-for': address })

beforeEach(async () => void (await server().database.sql.query('delete from auth_attempts')))

const guess = (target: TestServer, email: string, address: string) => signIn(target, email, 'a guess of a stranger', from(address))

describe('limits of attempts to sign in', () => {
  test('Guesses at once, on two servers and from many addresses, get ten tries at an account together; then even the password waits', async () => {
    const { email } = await person(server())
    const peer = await server().startPeer()
    try {
      const answers = await Promise.all(
        Array.from({ length: 40 }, (_, n) => guess(n % 2 === 0 ? server() : peer, email, `198.51.100.${n}`)),
      )
      expect(countByStatus(answers)).toEqual({ 401: 10, 429: 30 })
      const late = await signIn(server(), email, TEST_PASSWORD, from('192.0.2.77'))
      expect(late.body).toMatchObject({ code: 'too_many_attempts' })
      expect(Number(late.headers['retry-after'])).toBeGreaterThan(800)
      await server().database.passTime('15 minutes')
      expect((await signIn(server(), email, TEST_PASSWORD, from('192.0.2.77'))).status).toBe(200)
    } finally {
      await peer.stop()
    }
  })

  test('An account that does not exist has the same limit and the same answers', async () => {
    const answers = await Promise.all(Array.from({ length: 12 }, (_, n) => guess(server(), 'unknown@example.com', `198.51.100.${n}`)))
    expect(countByStatus(answers)).toEqual({ 401: 10, 429: 2 })
  })

  test('An address gets thirty tries, whatever the accounts, and other addresses do not wait for it', async () => {
    const { email } = await person(server())
    const answers = await Promise.all(Array.from({ length: 35 }, (_, n) => guess(server(), `unknown${n}@example.com`, '198.51.100.1')))
    expect(countByStatus(answers)).toEqual({ 401: 30, 429: 5 })
    expect((await signIn(server(), email, TEST_PASSWORD, from('198.51.100.1'))).status).toBe(429)
    expect((await signIn(server(), email, TEST_PASSWORD, from('198.51.100.2'))).status).toBe(200)
    const ofNetwork = await Promise.all(Array.from({ length: 35 }, (_, n) => guess(server(), `no${n}@example.com`, `2001:db8::${n + 1}`)))
    expect(countByStatus(ofNetwork)).toEqual({ 401: 30, 429: 5 })
  })

  test('An address beyond its limit uses up no account and makes no further row', async () => {
    const { email } = await person(server())
    await Promise.all(Array.from({ length: 30 }, (_, n) => guess(server(), `unknown${n}@example.com`, '198.51.100.1')))
    const count = async () => (await server().database.sql.query('select 1 from auth_attempts')).rows.length
    const before = await count()
    for (let n = 0; n < 20; n += 1) expect((await guess(server(), email, '198.51.100.1')).status).toBe(429)
    expect(await count()).toBe(before)
    expect((await signIn(server(), email, TEST_PASSWORD, from('198.51.100.2'))).status).toBe(200)
  })

  test('Counts of a flood are deleted when their time is over, however many there are, and the others stay', async () => {
    const { sql } = server().database
    await sql.query("insert into auth_attempts select 'old' || n, 1, now() - interval '2 minutes' from generate_series(1, 2500) n")
    await sql.query("insert into auth_attempts values ('present', 1, now() + interval '1 minute')")
    await forgetSignIns(server().store)
    expect((await sql.query('select key from auth_attempts')).rows).toEqual([{ key: 'present' }])
  })

  test('A device that has signed in before is not locked out by strangers, and has a limit of its own', async () => {
    const { email, cookie } = await person(server())
    await Promise.all(Array.from({ length: 20 }, (_, n) => guess(server(), email, `198.51.100.${n}`)))
    const known = { ...from('198.51.100.1'), cookie }
    expect((await signIn(server(), email, TEST_PASSWORD, from('192.0.2.9'))).status).toBe(429)
    const answer = await signIn(server(), email, TEST_PASSWORD, known)
    expect(answer.status).toBe(200)
    const guesses = await Promise.all(Array.from({ length: 12 }, () => signIn(server(), email, 'forgotten', known)))
    expect(countByStatus(guesses)).toEqual({ 401: 10, 429: 2 })
  })

  test('The device of one account is unknown to another account, and a forged one to every account', async () => {
    const [one, other] = [await person(server()), await person(server())]
    await Promise.all(Array.from({ length: 12 }, (_, n) => guess(server(), one.email, `198.51.100.${n}`)))
    const attempt = (cookie: string) => signIn(server(), one.email, TEST_PASSWORD, { ...from('192.0.2.1'), cookie })
    expect((await attempt(other.cookie)).status).toBe(429)
    expect((await attempt(one.cookie.replace(/(paperclip_device=[0-9a-f-]{36}\.).{4}/, '$1AAAA'))).status).toBe(429)
    expect((await attempt(one.cookie)).status).toBe(200)
  })

  test('Attempts that succeed are not counted', async () => {
    const { email } = await person(server())
    for (let n = 0; n < 12; n += 1) expect((await signIn(server(), email, TEST_PASSWORD, from('192.0.2.5'))).status).toBe(200)
  })

  test('An address makes ten accounts in an hour', async () => {
    const signUp = (n: number) =>
      browser(server()).post(
        '/api/auth/sign-up/email',
        { name: 'Many', email: `many${n}@example.com`, password: TEST_PASSWORD },
        from('192.0.2.6'),
      )
    const answers = []
    for (let n = 0; n < 12; n += 1) answers.push(await signUp(n))
    expect(countByStatus(answers)).toEqual({ 200: 10, 429: 2 })
  })

  test('The present password is tried ten times in a session', async () => {
    const { client } = await person(server())
    const body = { currentPassword: 'a guess', newPassword: 'another password' }
    const answers = await Promise.all(Array.from({ length: 12 }, () => client.post('/api/auth/change-password', body)))
    expect(countByStatus(answers)).toEqual({ 403: 10, 429: 2 })
  })

  test('An address that a client claims itself counts only behind a proxy that is trusted', async () => {
    const { email } = await person(server())
    const answer = await signIn(server(), email, TEST_PASSWORD, { 'x-forwarded-for': '203.0.113.9, 192.0.2.44, 127.0.0.1' })
    expect(cookiesOf(answer)).not.toBe('')
    const { rows } = await server().database.sql.query('select ip_address as address from sign_ins order by created_at desc, id limit 1')
    expect(rows).toEqual([{ address: '192.0.2.44' }])
  })
})
