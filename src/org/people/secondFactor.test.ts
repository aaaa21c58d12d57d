import { randomUUID } from 'node:crypto'
import { beforeEach, describe, expect, test } from 'vitest'
import { ask, begin, forgetAttempts, freshCode, protectedPerson, sendCode, sendRecoveryCode } from '../../dev/testing/authenticators.ts'
import { boardOf, browser, cookiesOf, person, signIn } from '../../dev/testing/people.ts'
import { countByStatus } from '../../dev/testing/race.ts'
import { insertFactor } from '../../dev/testing/secondFactors.ts'
import { TEST_PASSWORD } from '../../dev/testing/sessions.ts'
import { actionsOf, auditCount, lastAudit, useServer } from '../../dev/testing/world.ts'

const server = useServer({ people: {}, boardMode: 'token' })
const at = '/api/auth/two-factor'

beforeEach(() => forgetAttempts(server()))

const sessionsOf = async (personId: string): Promise<number> =>
  (await server().database.sql.query('select 1 from sign_ins where person_id = $1', [personId])).rows.length

describe('turning the second factor on', () => {
  test('The password and the first code turn the second factor on, end the other sessions, and every step is on the record (I6)', async () => {
    const ada = await person(server())
    const other = browser(server()).with({ cookie: cookiesOf(await signIn(server(), ada.email)) })
    const { secret, recoveryCodes } = await begin(ada)
    expect(recoveryCodes).toHaveLength(10)
    expect((await ada.client.get(at)).body).toEqual({ enabled: false, enabledAt: null, backupCodesLeft: 0 })
    // It does not count yet.
    expect((await signIn(server(), ada.email)).body).toMatchObject({ user: { id: ada.id } })
    expect((await ada.client.post(`${at}/verify-totp`, { code: '000000' })).body).toMatchObject({ code: 'code_wrong' })
    const answer = await ada.client.post(`${at}/verify-totp`, { code: await freshCode(server(), secret) })
    expect(answer).toMatchObject({ status: 200, body: { redirect: false, token: null, user: { id: ada.id } } })
    expect(cookiesOf(answer)).toBe('')
    expect((await other.get('/api/cli-auth/me')).status).toBe(401)
    expect((await ada.client.get('/api/cli-auth/me')).status).toBe(200)
    expect((await ada.client.get(at)).body).toEqual({ enabled: true, enabledAt: expect.any(String) as string, backupCodesLeft: 10 })
    expect((await actionsOf(server(), ada.id)).slice(4)).toEqual([
      'person.second_factor_begun',
      'person.signed_in',
      'person.second_factor_failed',
      'person.second_factor_enabled',
      'person.sessions_ended',
    ])
    const { companyId, details } = await lastAudit(server(), ada.id, 'person.second_factor_failed')
    expect({ companyId, details }).toEqual({
      companyId: '00000000-0000-0000-0000-000000000000',
      details: { address: '127.0.0.1', act: 'confirm', wrong: 'code' },
    })
    expect((await lastAudit(server(), ada.id, 'person.sessions_ended')).details).toMatchObject({ reason: 'second_factor_changed' })
  })

  test('The secret is stored encrypted, recovery codes as hashes, and the record has neither', async () => {
    const { id, client } = await person(server())
    const { secret, recoveryCodes } = await begin({ client })
    await client.post(`${at}/verify-totp`, { code: await freshCode(server(), secret) })
    const { rows } = await server().database.sql.query(
      `select f::text as factor, (select string_agg(r::text, ' ') from recovery_codes r where r.person_id = $1) as codes,
        (select string_agg(a.details::text, ' ') from activity_log a where a.entity_id = $1) as details
      from second_factors f where f.person_id = $1`,
      [id],
    )
    const stored = JSON.stringify(rows)
    for (const shown of [secret, ...recoveryCodes, ...recoveryCodes.map((code) => code.replaceAll('-', ''))])
      expect(stored).not.toContain(shown)
    expect(stored.match(/[0-9a-f]{64}/g)).toHaveLength(10)
  })

  test('A wrong password, no session, a second factor that is on, and an account without a password are refused, and nothing changes', async () => {
    const ada = await person(server())
    const enable = (client: Pick<typeof ada.client, 'post'>, password = TEST_PASSWORD) => client.post(`${at}/enable`, { password })
    expect((await enable(ada.client, 'not the password')).body).toMatchObject({ code: 'password_wrong' })
    expect((await lastAudit(server(), ada.id, 'person.second_factor_failed')).details).toMatchObject({ act: 'enable', wrong: 'password' })
    expect((await enable(browser(server()))).status).toBe(401)
    expect((await enable(boardOf(server()))).body).toMatchObject({ code: 'session_required' })
    expect((await boardOf(server()).get(at)).body).toMatchObject({ code: 'session_required' })
    const protectedOne = await protectedPerson(server(), 'Bob')
    const before = await auditCount(server())
    expect((await enable(protectedOne.client)).body).toMatchObject({ code: 'second_factor_enabled' })
    await server().database.sql.query('delete from logins where person_id = $1', [ada.id])
    expect((await enable(ada.client)).body).toMatchObject({ code: 'password_missing' })
    expect(await auditCount(server())).toBe(before)
    expect((await ada.client.get(at)).body).toMatchObject({ enabled: false })
  })

  test('Without a beginning no code turns the second factor on, after an hour the beginning is over, and a new one replaces the one before', async () => {
    const ada = await person(server())
    const confirm = (code: string) => ada.client.post(`${at}/verify-totp`, { code })
    expect((await confirm('123456')).body).toMatchObject({ code: 'second_factor_not_asked' })
    const first = await begin(ada)
    await server().database.passTime('1 hour')
    expect((await confirm(await freshCode(server(), first.secret))).body).toMatchObject({ code: 'second_factor_not_begun' })
    const second = await begin(ada)
    expect((await confirm(await freshCode(server(), first.secret))).body).toMatchObject({ code: 'code_wrong' })
    const [recoveryCode = ''] = second.recoveryCodes
    expect((await confirm(recoveryCode)).body).toMatchObject({ code: 'code_wrong' })
    expect((await confirm(await freshCode(server(), second.secret))).status).toBe(200)
    expect((await sendRecoveryCode(server(), await ask(server(), ada.email), first.recoveryCodes[0] ?? '')).status).toBe(401)
    expect((await sendRecoveryCode(server(), await ask(server(), ada.email), recoveryCode)).status).toBe(200)
  })

  test('A change of the second factor that cannot be recorded is not made (I6)', async () => {
    const ada = await person(server())
    const { secret } = await begin(ada)
    const { sql } = server().database
    await sql.query(`create function fail_factor() returns trigger language plpgsql as $$ begin
      if new.action = 'person.second_factor_enabled' then raise exception 'the record is full'; end if; return new; end $$`)
    await sql.query('create trigger fail_factor before insert on activity_log for each row execute function fail_factor()')
    const code = await freshCode(server(), secret)
    expect((await ada.client.post(`${at}/verify-totp`, { code })).status).toBe(500)
    await sql.query('drop trigger fail_factor on activity_log')
    expect((await ada.client.get(at)).body).toMatchObject({ enabled: false })
    expect((await ada.client.post(`${at}/verify-totp`, { code })).status).toBe(200)
  })

  test('A sign-in that is under way while the second factor is turned on leaves no session without a code', async () => {
    const ada = await person(server())
    const { secret } = await begin(ada)
    const code = await freshCode(server(), secret)
    const [turnedOn, ...signIns] = await Promise.all([
      ada.client.post(`${at}/verify-totp`, { code }),
      ...Array.from({ length: 8 }, () => signIn(server(), ada.email)),
    ])
    expect(turnedOn?.status).toBe(200)
    expect(countByStatus(signIns)).toEqual({ 200: 8 })
    expect(await sessionsOf(ada.id)).toBe(1)
  })

  test('Of two first codes at once one turns the second factor on', async () => {
    const ada = await person(server())
    const { secret } = await begin(ada)
    const code = await freshCode(server(), secret)
    const answers = await Promise.all([1, 2].map(() => ada.client.post(`${at}/verify-totp`, { code })))
    // The loser finds the second factor on, or the code used.
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    expect((await actionsOf(server(), ada.id)).filter((action) => action === 'person.second_factor_enabled')).toHaveLength(1)
  })

  test('The key of a command line goes on, and a person with a second factor lets one in', async () => {
    const ada = await person(server())
    const letIn = async () => {
      const login = (await server().anonymous.post('/api/cli-auth/challenges', { command: 'paperclipai company list' })).body
      expect((await ada.client.post(`/api/cli-auth/challenges/${login.id}/approve`, { token: login.token })).body).toMatchObject({
        approved: true,
      })
      return server().bearer(login.boardApiToken)
    }
    const before = await letIn()
    const { secret } = await begin(ada)
    await ada.client.post(`${at}/verify-totp`, { code: await freshCode(server(), secret) })
    for (const commandLine of [before, await letIn()])
      expect((await commandLine.get('/api/cli-auth/me')).body).toMatchObject({ userId: ada.id })
  })
})

describe('changing the second factor', () => {
  test('The password and a code take the second factor off, end the other sessions, and the password alone signs in again', async () => {
    const { id, email, client, secret } = await protectedPerson(server())
    const signedIn = await sendCode(server(), await ask(server(), email), await freshCode(server(), secret))
    const other = browser(server()).with({ cookie: cookiesOf(signedIn) })
    expect((await other.get('/api/cli-auth/me')).status).toBe(200)
    const code = await freshCode(server(), secret)
    const disable = (body: object) => client.post(`${at}/disable`, body)
    expect((await disable({ password: TEST_PASSWORD })).body).toMatchObject({ code: 'validation_failed' })
    expect((await disable({ password: 'not the password', code })).body).toMatchObject({ code: 'password_wrong' })
    expect((await disable({ password: TEST_PASSWORD, code: '000000' })).body).toMatchObject({ code: 'code_wrong' })
    expect((await lastAudit(server(), id, 'person.second_factor_failed')).details).toMatchObject({ act: 'disable', wrong: 'code' })
    expect(await disable({ password: TEST_PASSWORD, code })).toMatchObject({ status: 200, body: { status: true } })
    expect((await actionsOf(server(), id)).slice(-2)).toEqual(['person.second_factor_disabled', 'person.sessions_ended'])
    expect((await other.get('/api/cli-auth/me')).status).toBe(401)
    expect((await client.get(at)).body).toMatchObject({ enabled: false })
    expect((await disable({ password: TEST_PASSWORD, code })).body).toMatchObject({ code: 'second_factor_missing' })
    expect((await signIn(server(), email)).body).toMatchObject({ user: { id } })
    expect((await server().database.sql.query('select 1 from recovery_codes where person_id = $1', [id])).rows).toEqual([])
  })

  test('A recovery code takes the second factor off as well, for a person who has lost the app', async () => {
    const { id, client, recoveryCodes } = await protectedPerson(server())
    const body = { password: TEST_PASSWORD, code: recoveryCodes[3] }
    expect((await client.post(`${at}/disable`, body)).status).toBe(200)
    expect((await lastAudit(server(), id, 'person.recovery_code_used')).details).toEqual({ left: 9 })
  })

  test('New recovery codes end those of before, and need the password and a code that was not used', async () => {
    const { id, email, client, secret, recoveryCodes } = await protectedPerson(server())
    const renew = (code: string, password = TEST_PASSWORD) => client.post(`${at}/generate-backup-codes`, { password, code })
    const code = await freshCode(server(), secret)
    expect((await renew(code, 'not the password')).body).toMatchObject({ code: 'password_wrong' })
    const answers = await Promise.all([renew(code), renew(code), renew(code)])
    expect(countByStatus(answers)).toEqual({ 200: 1, 403: 2 })
    const renewed = answers.find((answer) => answer.status === 200)?.body
    expect([renewed.status, renewed.backupCodes.length]).toEqual([true, 10])
    expect((await lastAudit(server(), id, 'person.recovery_codes_renewed')).details).toEqual({})
    const [before = ''] = recoveryCodes
    expect((await sendRecoveryCode(server(), await ask(server(), email), before)).status).toBe(401)
    expect((await sendRecoveryCode(server(), await ask(server(), email), renewed.backupCodes[0])).status).toBe(200)
    expect((await client.get(at)).body).toMatchObject({ backupCodesLeft: 9 })
    const other = await person(server())
    expect((await other.client.post(`${at}/generate-backup-codes`, { password: TEST_PASSWORD, code })).body).toMatchObject({
      code: 'second_factor_missing',
    })
  })

  test('Guesses in a session are limited like those of a sign-in, and one that succeeds is not counted', async () => {
    const { client, recoveryCodes } = await protectedPerson(server())
    const disable = (code: string) => client.post(`${at}/disable`, { password: TEST_PASSWORD, code })
    const answers = await Promise.all(Array.from({ length: 8 }, () => disable('000000')))
    expect(countByStatus(answers)).toEqual({ 403: 5, 429: 3 })
    const late = await disable(recoveryCodes[0] ?? '')
    expect(late.body).toMatchObject({ code: 'too_many_attempts' })
    expect(Number(late.headers['retry-after'])).toBeGreaterThan(800)
    await server().database.passTime('15 minutes')
    expect((await disable(recoveryCodes[0] ?? '')).status).toBe(200)
  })

  test('A new password leaves the second factor on, also one that is set by a link', async () => {
    const { id, email, client } = await protectedPerson(server())
    const body = { currentPassword: TEST_PASSWORD, newPassword: 'another password' }
    expect((await client.post('/api/auth/change-password', body)).status).toBe(200)
    await ask(server(), email, {}, 'another password')
    const { token } = (await boardOf(server()).post(`/api/admin/users/${id}/reset-links`)).body
    const reset = await browser(server()).post('/api/auth/reset-password', { token, newPassword: 'a third password' })
    expect([reset.status, cookiesOf(reset)]).toEqual([200, ''])
    await ask(server(), email, {}, 'a third password')
  })
})

describe('a person who has lost the second factor', () => {
  const remove = (id: string) => boardOf(server()).post(`/api/admin/users/${id}/remove-second-factor`)

  test('The holder of the token of the board takes the second factor off, all sessions end, and it is on the record', async () => {
    const ada = await protectedPerson(server())
    const waiting = await ask(server(), ada.email)
    expect((await boardOf(server()).get('/api/admin/users?limit=1000')).body).toContainEqual(
      expect.objectContaining({ id: ada.id, hasSecondFactor: true }),
    )
    expect(await remove(ada.id)).toMatchObject({ status: 200, body: { success: true, ended: 1 } })
    expect((await actionsOf(server(), ada.id)).slice(-2)).toEqual(['person.second_factor_removed', 'person.sessions_ended'])
    expect((await lastAudit(server(), ada.id, 'person.second_factor_removed')).actorId).toBe('local-board')
    expect((await ada.client.get('/api/cli-auth/me')).status).toBe(401)
    expect((await sendCode(server(), waiting, await freshCode(server(), ada.secret))).body).toMatchObject({
      code: 'second_factor_not_asked',
    })
    expect((await signIn(server(), ada.email)).body).toMatchObject({ user: { id: ada.id } })
    expect((await remove(ada.id)).body).toMatchObject({ code: 'second_factor_missing' })
  })

  test('No session takes the second factor off for another person, also that of an administrator, and an unknown person is not found', async () => {
    const ada = await person(server())
    await server().database.sql.query(insertFactor, [ada.id])
    const before = await auditCount(server())
    await server().database.sql.query('insert into instance_administrators (person_id) values ($1)', [ada.id])
    expect((await ada.client.post(`/api/admin/users/${ada.id}/remove-second-factor`)).body).toMatchObject({ code: 'board_token_required' })
    expect((await remove(randomUUID())).body).toMatchObject({ code: 'not_found' })
    expect(await auditCount(server())).toBe(before)
  })
})
