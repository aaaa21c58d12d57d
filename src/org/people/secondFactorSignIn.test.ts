import { beforeEach, describe, expect, test } from 'vitest'
import { ask, forgetAttempts, freshCode, nextStep, protectedPerson, sendCode, sendRecoveryCode } from '../../dev/testing/authenticators.ts'
import { browser, cookiesOf, person, signIn } from '../../dev/testing/people.ts'
import { countByStatus } from '../../dev/testing/race.ts'
import { codeAt } from '../../dev/testing/secondFactors.ts'
import { TEST_PASSWORD } from '../../dev/testing/sessions.ts'
import { actionsOf, lastAudit, useServer } from '../../dev/testing/world.ts'
import type { Answer } from '../../dev/testing/world.ts'

const server = useServer({ people: {}, boardMode: 'token', trustedProxies: ['127.0.0.1', '::1'] })
const from = (address: string): Record<string, string> => ({ 'x-forwarded-for': address })

beforeEach(() => forgetAttempts(server()))

const linesOf = (answer: Answer): string[] => (answer.headers as unknown as Record<string, string[]>)['set-cookie'] ?? []
const sessionsOf = async (personId: string): Promise<number> =>
  (await server().database.sql.query('select 1 from sign_ins where person_id = $1', [personId])).rows.length

describe('the password of a person with a second factor', () => {
  test('A right password opens no session and marks no device: the answer is the question for a code, and nothing about the person', async () => {
    const { id, email } = await protectedPerson(server())
    const answer = await signIn(server(), email)
    expect([answer.status, answer.text]).toEqual([200, '{"twoFactorRedirect":true,"twoFactorMethods":["totp"]}'])
    const lines = linesOf(answer)
    expect(lines).toHaveLength(1)
    expect(lines[0]).toMatch(/^better-auth\.two_factor=[0-9a-f-]{36}\.[\w-]{43}; Path=\/; Max-Age=600; HttpOnly; SameSite=Lax$/)
    expect(await sessionsOf(id)).toBe(1)
    const cookie = cookiesOf(answer)
    for (const path of ['/api/auth/get-session', '/api/cli-auth/me', '/api/auth/two-factor', '/api/companies'])
      expect((await browser(server()).get(path, { cookie })).status).toBe(401)
    expect((await lastAudit(server(), id, 'person.second_factor_asked')).details).toEqual({ address: '127.0.0.1' })
    const wrong = await signIn(server(), email, 'not the password')
    expect([wrong.body.code, linesOf(wrong)]).toEqual(['credentials_wrong', []])
  })

  test('An attempt to sign in counts until the code was right, so a thief of the password asks ten times', async () => {
    const { email } = await protectedPerson(server())
    const answers = await Promise.all(Array.from({ length: 12 }, () => signIn(server(), email)))
    expect(countByStatus(answers)).toEqual({ 200: 10, 429: 2 })
  })
})

describe('the code of the app', () => {
  test('A code of the app opens the session in the browser that sent the password, and marks the device', async () => {
    const { id, email, secret } = await protectedPerson(server())
    const cookie = await ask(server(), email)
    const answer = await sendCode(server(), cookie, await freshCode(server(), secret))
    expect(answer).toMatchObject({ status: 200, body: { redirect: false, token: null, user: { id, email } } })
    expect(linesOf(answer).map((line) => line.replace(/^([^=]+=)[^;]+/, '$1…'))).toEqual([
      'better-auth.session_token=…; Max-Age=604800; Path=/; HttpOnly; SameSite=Lax',
      'paperclip_device=…; Path=/; Max-Age=15552000; HttpOnly; SameSite=Lax',
      'better-auth.two_factor=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax',
    ])
    expect((await browser(server()).get('/api/cli-auth/me', { cookie: cookiesOf(answer) })).body).toMatchObject({ userId: id })
    expect((await actionsOf(server(), id)).slice(-2)).toEqual(['person.second_factor_asked', 'person.signed_in'])
    expect((await sendCode(server(), cookie, await freshCode(server(), secret))).body).toMatchObject({ code: 'second_factor_not_asked' })
    expect((await sendCode(server(), '', await freshCode(server(), secret))).body).toMatchObject({ code: 'second_factor_not_asked' })
  })

  test('A session that is not remembered stays so behind the code', async () => {
    const { email, secret } = await protectedPerson(server())
    const asked = await browser(server()).post('/api/auth/sign-in/email', { email, password: TEST_PASSWORD, rememberMe: false })
    const answer = await sendCode(server(), cookiesOf(asked), await freshCode(server(), secret))
    expect(linesOf(answer)[0]).not.toContain('Max-Age')
  })

  test('A code of the app is accepted once: neither it nor the one before it signs in again, and the next one does', async () => {
    const { id, email, secret } = await protectedPerson(server())
    const step = await nextStep(server())
    const send = async (code: string) => await sendCode(server(), await ask(server(), email), code)
    expect((await send(codeAt(secret, step))).status).toBe(200)
    for (const used of [step, step - 1]) {
      const answer = await send(codeAt(secret, used))
      expect([answer.status, answer.body.code, linesOf(answer)]).toEqual([401, 'second_factor_wrong', []])
    }
    expect((await lastAudit(server(), id, 'person.second_factor_failed')).details).toEqual({
      address: '127.0.0.1',
      act: 'sign_in',
      wrong: 'code',
    })
    expect((await send(codeAt(secret, step + 1))).status).toBe(200)
  })

  test('A code of the app is accepted one step early and one step late, and no more', async () => {
    for (const [offset, status] of [
      [-2, 401],
      [-1, 200],
      [1, 200],
      [2, 401],
    ] as const) {
      const { email, secret } = await protectedPerson(server())
      await server().database.passTime('5 minutes')
      const step = await nextStep(server())
      const answer = await sendCode(server(), await ask(server(), email), codeAt(secret, step + offset))
      expect([offset, answer.status]).toEqual([offset, status])
    }
  })

  test('Of requests with one code at once, on two servers, one signs in', async () => {
    const { id, email, secret } = await protectedPerson(server())
    const peer = await server().startPeer()
    try {
      const cookies = [await ask(server(), email), await ask(server(), email), await ask(server(), email), await ask(server(), email)]
      const code = await freshCode(server(), secret)
      const answers = await Promise.all(cookies.map((cookie, n) => sendCode(n % 2 === 0 ? server() : peer, cookie, code)))
      expect(countByStatus(answers)).toEqual({ 200: 1, 401: 3 })
      expect(await sessionsOf(id)).toBe(2)
    } finally {
      await peer.stop()
    }
  })

  test('A question for a code is answered once, by a code of the app or by a recovery code', async () => {
    const { id, email, secret, recoveryCodes } = await protectedPerson(server())
    const cookie = await ask(server(), email)
    const code = await freshCode(server(), secret)
    const [first = '', second = ''] = recoveryCodes
    const answers = await Promise.all([
      sendCode(server(), cookie, code),
      sendRecoveryCode(server(), cookie, first),
      sendRecoveryCode(server(), cookie, second),
    ])
    expect(countByStatus(answers)).toEqual({ 200: 1, 401: 2 })
    expect(await sessionsOf(id)).toBe(2)
  })

  test('A repeat under the same Idempotency-Key is no answer from before, so that guesses against it are counted', async () => {
    const { email, secret } = await protectedPerson(server())
    const cookie = await ask(server(), email)
    const code = await freshCode(server(), secret)
    const key = { 'idempotency-key': 'key-of-this-test' }
    expect((await sendCode(server(), cookie, code, key)).status).toBe(200)
    expect((await sendCode(server(), cookie, code, key)).body).toMatchObject({ code: 'second_factor_not_asked' })
    expect((await sendCode(server(), await ask(server(), email), code, key)).body).toMatchObject({ code: 'second_factor_wrong' })
  })
})

describe('recovery codes', () => {
  test('Each recovery code signs in once, however it is typed, and the record says how many are left', async () => {
    const { id, email, client, recoveryCodes } = await protectedPerson(server())
    const [first = '', second = ''] = recoveryCodes
    const send = async (code: string) => await sendRecoveryCode(server(), await ask(server(), email), code)
    expect((await send(first)).body).toMatchObject({ user: { id } })
    expect((await lastAudit(server(), id, 'person.recovery_code_used')).details).toEqual({ left: 9 })
    expect((await send(first)).body).toMatchObject({ code: 'second_factor_wrong' })
    expect((await send(second.toLowerCase().replaceAll('-', ' '))).status).toBe(200)
    expect((await client.get('/api/auth/two-factor')).body).toMatchObject({ enabled: true, backupCodesLeft: 8 })
  })

  test('Of requests with one recovery code at once one signs in', async () => {
    const { id, email, recoveryCodes } = await protectedPerson(server())
    const cookies = [await ask(server(), email), await ask(server(), email), await ask(server(), email)]
    const answers = await Promise.all(cookies.map((cookie) => sendRecoveryCode(server(), cookie, recoveryCodes[0] ?? '')))
    expect(countByStatus(answers)).toEqual({ 200: 1, 401: 2 })
    expect(await sessionsOf(id)).toBe(2)
  })

  test('The code of another person, and a code in the place of the other kind, sign no person in', async () => {
    const ada = await protectedPerson(server())
    const bob = await protectedPerson(server(), 'Bob')
    const code = await freshCode(server(), ada.secret)
    const [recoveryCode = ''] = ada.recoveryCodes
    const asBob = await ask(server(), bob.email)
    const asAda = await ask(server(), ada.email)
    for (const answer of [
      await sendCode(server(), asBob, code),
      await sendRecoveryCode(server(), asBob, recoveryCode),
      await sendCode(server(), asAda, recoveryCode),
      await sendRecoveryCode(server(), asAda, code),
    ])
      expect(answer.body).toMatchObject({ code: 'second_factor_wrong' })
    expect((await sendCode(server(), asAda, code)).status).toBe(200)
  })
})

describe('the question for a code', () => {
  const refused = { code: 'second_factor_not_asked' }

  test('The question for a code ends after ten minutes, and a cookie that was changed is none', async () => {
    const { email, secret } = await protectedPerson(server())
    const bob = await protectedPerson(server(), 'Bob')
    const cookie = await ask(server(), email)
    const [value = ''] = /[0-9a-f-]{36}/.exec(cookie) ?? []
    const [ofBob = ''] = /[0-9a-f-]{36}/.exec(await ask(server(), bob.email)) ?? []
    for (const forged of [
      cookie.replace(value, ofBob),
      cookie.replace(/\..{4}([\w-]{39})$/, '.AAAA$1'),
      `${cookie}x`,
      `${cookie}; ${cookie}`,
      'better-auth.two_factor=x',
    ])
      expect((await sendCode(server(), forged, await freshCode(server(), secret))).body).toMatchObject(refused)
    expect((await sendCode(server(), cookie, await freshCode(server(), secret))).status).toBe(200)
    const late = await ask(server(), email)
    await server().database.passTime('10 minutes')
    expect((await sendCode(server(), late, await freshCode(server(), secret))).body).toMatchObject(refused)
  })

  test('The question for a code ends with the password that was right', async () => {
    const { email, client, secret } = await protectedPerson(server())
    const stolen = await ask(server(), email)
    const body = { currentPassword: TEST_PASSWORD, newPassword: 'another password' }
    expect((await client.post('/api/auth/change-password', body)).status).toBe(200)
    expect((await sendCode(server(), stolen, await freshCode(server(), secret))).body).toMatchObject(refused)
  })

  test('The question for a code ends when the second factor is taken off', async () => {
    const { email, client, secret, recoveryCodes } = await protectedPerson(server())
    const cookie = await ask(server(), email)
    await client.post('/api/auth/two-factor/disable', { password: TEST_PASSWORD, code: recoveryCodes[0] })
    expect((await sendCode(server(), cookie, await freshCode(server(), secret))).body).toMatchObject(refused)
  })

  test('A page of another site cannot answer the question for a code', async () => {
    const { email, secret } = await protectedPerson(server())
    const cookie = await ask(server(), email)
    const code = await freshCode(server(), secret)
    const foreign = { cookie, origin: 'https://evil.example' }
    expect((await server().anonymous.post('/api/auth/two-factor/verify-totp', { code }, foreign)).body).toMatchObject({
      code: 'origin_not_allowed',
    })
  })

  test('A browser in which another person is signed in answers the question for a code all the same', async () => {
    const ada = await protectedPerson(server())
    const bob = await person(server(), 'Bob')
    const cookie = `${bob.cookie}; ${await ask(server(), ada.email)}`
    const answer = await browser(server()).post(
      '/api/auth/two-factor/verify-totp',
      { code: await freshCode(server(), ada.secret) },
      { cookie },
    )
    expect(answer.body).toMatchObject({ user: { id: ada.id } })
  })
})

describe('limits of codes', () => {
  test('Guesses of codes at once, on two servers and from many addresses, get five tries in a quarter of an hour and twenty in a day', async () => {
    const { id, email, secret } = await protectedPerson(server())
    const peer = await server().startPeer()
    try {
      const guess = async (cookie: string) =>
        await Promise.all(
          Array.from({ length: 12 }, (_, n) => sendCode(n % 2 === 0 ? server() : peer, cookie, '000000', from(`198.51.100.${n}`))),
        )
      for (const [expected, wait] of [
        [5, 15],
        [5, 15],
        [5, 15],
        [5, 15],
        [0, 15],
      ] as const) {
        const answers = await guess(await ask(server(), email, from('192.0.2.1')))
        expect(countByStatus(answers)).toEqual(expected === 0 ? { 429: 12 } : { 401: expected, 429: 12 - expected })
        await server().database.passTime(`${wait} minutes`)
      }
      const late = await sendCode(
        server(),
        await ask(server(), email, from('192.0.2.2')),
        await freshCode(server(), secret),
        from('192.0.2.2'),
      )
      expect(late.body).toMatchObject({ code: 'too_many_attempts' })
      expect(Number(late.headers['retry-after'])).toBeGreaterThan(80_000)
      expect((await actionsOf(server(), id)).filter((action) => action === 'person.second_factor_failed')).toHaveLength(20)
      await server().database.passTime('1 day')
      const cookie = await ask(server(), email, from('192.0.2.2'))
      expect((await sendCode(server(), cookie, await freshCode(server(), secret), from('192.0.2.2'))).status).toBe(200)
    } finally {
      await peer.stop()
    }
  })

  test('A browser that has signed in before is not locked out by strangers, and has limits of its own', async () => {
    const ada = await protectedPerson(server())
    const stolen = await ask(server(), ada.email, from('192.0.2.1'))
    await Promise.all(Array.from({ length: 8 }, () => sendCode(server(), stolen, '000000', from('192.0.2.1'))))
    const device = ada.cookie.split('; ').find((cookie) => cookie.startsWith('paperclip_device=')) ?? ''
    const known = async (code: string) =>
      await sendCode(
        server(),
        `${device}; ${await ask(server(), ada.email, { ...from('192.0.2.1'), cookie: device })}`,
        code,
        from('192.0.2.1'),
      )
    expect((await sendCode(server(), stolen, await freshCode(server(), ada.secret), from('192.0.2.9'))).status).toBe(429)
    expect((await known(await freshCode(server(), ada.secret))).status).toBe(200)
    const answers = []
    for (let n = 0; n < 7; n += 1) answers.push(await known('000000'))
    expect(countByStatus(answers)).toEqual({ 401: 5, 429: 2 })
  })

  test('An address gets thirty tries at codes, whatever the accounts', async () => {
    const people = []
    for (let n = 0; n < 7; n += 1) people.push(await protectedPerson(server()))
    await forgetAttempts(server())
    const answers: Answer[] = []
    for (const { email } of people) {
      const cookie = await ask(server(), email, from('192.0.2.1'))
      answers.push(...(await Promise.all(Array.from({ length: 5 }, () => sendCode(server(), cookie, '000000', from('198.51.100.1'))))))
    }
    expect(countByStatus(answers)).toEqual({ 401: 30, 429: 5 })
  })
})
