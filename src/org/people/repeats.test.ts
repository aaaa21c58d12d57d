// Idempotency keys next to passwords: what is kept for a repeat must not help to guess.

import { beforeEach, expect, test } from 'vitest'
import { browser, cookiesOf, person, signIn } from '../../dev/testing/people.ts'
import { TEST_PASSWORD } from '../../dev/testing/sessions.ts'
import { useServer } from '../../dev/testing/world.ts'
import { requestHashOf } from '../../http/idempotentRequest.ts'

const server = useServer({ people: {}, boardMode: 'token', trustedProxies: ['127.0.0.1'] })
const KEY = { 'idempotency-key': 'a-key-that-an-attacker-learned' }

beforeEach(async () => void (await server().database.sql.query('delete from auth_attempts')))

test('A known Idempotency-Key of a sign-in answers no guess, neither before the limit nor past it', async () => {
  const { email } = await person(server())
  const first = await signIn(server(), email, TEST_PASSWORD, KEY)
  expect(first.status).toBe(200)
  for (let n = 0; n < 10; n += 1)
    expect((await signIn(server(), email, `guess ${n}`, KEY)).body).toMatchObject({ code: 'credentials_wrong' })
  for (const password of ['another guess', TEST_PASSWORD])
    expect((await signIn(server(), email, password, KEY)).body).toMatchObject({ code: 'too_many_attempts' })
  await server().database.passTime('16 minutes')
  const again = await signIn(server(), email, TEST_PASSWORD, KEY)
  expect(cookiesOf(again)).toBe(cookiesOf(first))
})

test('The answer to an anonymous request is not sent to another address that sends the same', async () => {
  const ask = (address: string) =>
    browser(server()).post('/api/cli-auth/challenges', { command: 'paperclipai company list' }, { ...KEY, 'x-forwarded-for': address })
  const [first, repeat, other] = [await ask('192.0.2.1'), await ask('192.0.2.1'), await ask('192.0.2.2')]
  expect(repeat.body).toEqual(first.body)
  expect(other.status).toBe(201)
  expect(other.body.boardApiToken).not.toBe(first.body.boardApiToken)
})

test('No plain hash of a password is kept for a repeat', async () => {
  const { email, client } = await person(server())
  const body = { email, password: TEST_PASSWORD }
  expect((await browser(server()).post('/api/auth/sign-in/email', body, { 'idempotency-key': 'another-key' })).status).toBe(200)
  const change = { currentPassword: TEST_PASSWORD, newPassword: 'another password' }
  expect((await client.post('/api/auth/change-password', change, KEY)).status).toBe(200)
  expect((await client.post('/api/auth/change-password', change, KEY)).headers['idempotency-replayed']).toBe('true')
  const { rows } = await server().database.sql.query<{ hash: string }>('select request_hash as hash from idempotency_keys')
  expect(rows.length).toBeGreaterThan(1)
  for (const plain of [requestHashOf({}, body), requestHashOf({}, change)]) expect(rows.map(({ hash }) => hash)).not.toContain(plain)
})
