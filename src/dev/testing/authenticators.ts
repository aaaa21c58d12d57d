import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import { createDevices } from '../../org/people/devices.ts'
import { newRecoveryCodes, newSecret, recoveryHashOf } from '../../org/people/secondFactor/codes.ts'
import { createSeal } from '../../org/people/secondFactor/seal.ts'
import { browser, cookiesOf, signIn } from './people.ts'
import type { TestPerson } from './people.ts'
import { codeAt } from './secondFactors.ts'
import { newSessionToken, sessionCookie, TEST_AUTH_SECRET, TEST_PASSWORD, TEST_PASSWORD_HASH } from './sessions.ts'
import type { Answer, TestServer } from './world.ts'

/** A person with a second factor. */
export interface ProtectedPerson extends TestPerson {
  readonly secret: string
  readonly recoveryCodes: readonly string[]
}

const at = '/api/auth/two-factor'

/** The present time step by the clock of the database. */
async function stepOf(server: TestServer): Promise<number> {
  const { rows } = await server.database.sql.query<{ step: number }>('select floor(extract(epoch from now()) / 30)::int as step')
  return rows[0]?.step ?? 0
}

/** Moves the clock to the beginning of the next time step, so that none begins while a test works. */
export async function nextStep(server: TestServer): Promise<number> {
  const { rows } = await server.database.sql.query<{ seconds: number }>(
    'select (31 - extract(epoch from now())::numeric % 30)::float8 as seconds',
  )
  await server.database.passTime(`${rows[0]?.seconds ?? 0} seconds`)
  return await stepOf(server)
}

/** The code that the app shows in the next time step, which the clock has then reached: it was not used yet. */
export const freshCode = async (server: TestServer, secret: string): Promise<string> => codeAt(secret, await nextStep(server))

/** Makes a secret and recovery codes. */
export async function begin({ client }: Pick<TestPerson, 'client'>): Promise<{ secret: string; recoveryCodes: string[] }> {
  const answer = await client.post(`${at}/enable`, { password: TEST_PASSWORD })
  expect(answer.status, answer.text).toBe(200)
  return { secret: new URL(answer.body.totpURI as string).searchParams.get('secret') ?? '', recoveryCodes: answer.body.backupCodes }
}

const insertProtected = `
  with person as (insert into people (id, name, email) values ($1, $2, $3)),
    login as (insert into logins (id, account_id, provider_id, person_id, password) values (gen_random_uuid(), $1, 'credential', $1, $4)),
    session as (insert into sign_ins (id, token, person_id, expires_at) values (gen_random_uuid(), $5, $1, now() + interval '7 days')),
    factor as (insert into second_factors (person_id, secret, sealed_with, confirmed_at) values ($1, $6, $7, now()))
  insert into recovery_codes (hash, person_id) select hash, $1 from unnest($8::text[]) as t (hash)`

/**
 * A person who has turned the second factor on, with a session in a browser that is known to the account. Its rows are inserted: each hash
 * of a password takes 60 ms.
 */
export async function protectedPerson(server: TestServer, name = 'Ada'): Promise<ProtectedPerson> {
  const id = randomUUID()
  const email = `${name.toLowerCase()}-${id.slice(0, 8)}@example.com`
  const [secret, recoveryCodes, token] = [newSecret(), newRecoveryCodes(), newSessionToken()]
  const { sealed, sealedWith } = createSeal([TEST_AUTH_SECRET]).close(secret)
  const hashes = recoveryCodes.map(recoveryHashOf)
  await server.database.sql.query(insertProtected, [id, name, email, TEST_PASSWORD_HASH, token, sealed, sealedWith, hashes])
  const device = createDevices([TEST_AUTH_SECRET], false).cookieFor(null, id).split(';')[0] ?? ''
  const cookie = `${sessionCookie(token)}; ${device}`
  return { id, email, cookie, client: browser(server).with({ cookie }), secret, recoveryCodes }
}

/** Sends the password from a browser. @returns the cookie of the question for a code */
export async function ask(
  server: TestServer,
  email: string,
  headers: Record<string, string> = {},
  password = TEST_PASSWORD,
): Promise<string> {
  const answer = await signIn(server, email, password, headers)
  expect(answer.body, answer.text).toEqual({ twoFactorRedirect: true, twoFactorMethods: ['totp'] })
  return cookiesOf(answer)
}

/** Sends a code of the app. */
export const sendCode = (server: TestServer, cookie: string, code: string, headers: Record<string, string> = {}): Promise<Answer> =>
  browser(server).post(`${at}/verify-totp`, { code }, { ...headers, cookie })

/** Sends a recovery code. */
export const sendRecoveryCode = (server: TestServer, cookie: string, code: string): Promise<Answer> =>
  browser(server).post(`${at}/verify-backup-code`, { code }, { cookie })

/** Lets the counts of attempts be over, and those of no other test. */
export const forgetAttempts = async (server: TestServer): Promise<void> =>
  void (await server.database.sql.query('delete from auth_attempts'))
