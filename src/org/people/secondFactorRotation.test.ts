import { expect, test } from 'vitest'
import { ask, freshCode, nextStep, sendCode, sendRecoveryCode } from '../../dev/testing/authenticators.ts'
import { person } from '../../dev/testing/people.ts'
import { codeAt, insertFactor, recoveryCodeOf, TEST_FACTOR_SECRET } from '../../dev/testing/secondFactors.ts'
import { TEST_AUTH_SECRET } from '../../dev/testing/sessions.ts'
import { actionsOf, useServer } from '../../dev/testing/world.ts'
import type { TestServer } from '../../dev/testing/world.ts'
import { openPeople, tidySignIns } from './index.ts'

const OTHER = 'another secret for the sessions of people, for tests'

const rotated = useServer({ people: { secrets: [OTHER, TEST_AUTH_SECRET] }, boardMode: 'token' })
const after = useServer({ people: { secrets: [OTHER] }, boardMode: 'token' })

/** A person whose app has a secret that the test secret encrypted. */
async function personOfBefore(server: TestServer) {
  const made = await person(server)
  await server.database.sql.query(insertFactor, [made.id])
  return made
}

const sealOf = async (server: TestServer, id: string): Promise<string | undefined> =>
  (await server.database.sql.query<{ name: string }>('select sealed_with as name from second_factors where person_id = $1', [id])).rows[0]
    ?.name

const tidy = async (server: TestServer, ...secrets: [string, ...string[]]): Promise<void> =>
  await tidySignIns(server.store, await openPeople({ secrets, publicUrl: 'http://localhost', allowsSignUp: true, oidc: null }))

test('After a rotation the codes of an app go on, and the server encrypts its secret again, on the record and once', async () => {
  const ada = await personOfBefore(rotated())
  const before = await sealOf(rotated(), ada.id)
  expect((await sendCode(rotated(), await ask(rotated(), ada.email), await freshCode(rotated(), TEST_FACTOR_SECRET))).status).toBe(200)
  await tidy(rotated(), OTHER, TEST_AUTH_SECRET)
  expect(await sealOf(rotated(), ada.id)).not.toBe(before)
  await tidy(rotated(), OTHER, TEST_AUTH_SECRET)
  expect((await actionsOf(rotated(), ada.id)).filter((action) => action === 'person.second_factor_resealed')).toHaveLength(1)
  const used = codeAt(TEST_FACTOR_SECRET, await nextStep(rotated()))
  expect((await sendCode(rotated(), await ask(rotated(), ada.email), used)).status).toBe(200)
  expect((await sendCode(rotated(), await ask(rotated(), ada.email), used)).status).toBe(401)
})

test('A server that has lost the secret says so, leaves the row alone, and takes recovery codes', async () => {
  const ada = await personOfBefore(after())
  const before = await sealOf(after(), ada.id)
  const answer = await sendCode(after(), await ask(after(), ada.email), await freshCode(after(), TEST_FACTOR_SECRET))
  expect([answer.status, answer.body.code]).toEqual([409, 'second_factor_unreadable'])
  await tidy(after(), OTHER)
  expect(await sealOf(after(), ada.id)).toBe(before)
  expect((await sendRecoveryCode(after(), await ask(after(), ada.email), recoveryCodeOf(ada.id))).body).toMatchObject({
    user: { id: ada.id },
  })
  await tidy(after(), OTHER, TEST_AUTH_SECRET)
  expect((await sendCode(after(), await ask(after(), ada.email), await freshCode(after(), TEST_FACTOR_SECRET))).status).toBe(200)
})

test('More second factors than one batch are encrypted again', async () => {
  const { sql } = rotated().database
  await sql.query(
    `insert into people (id, name, email) select 'many-' || n, 'Many', 'many-' || n || '@example.com' from generate_series(1, 230) n`,
  )
  const { rows } = await sql.query<{ secret: string }>('select secret from second_factors limit 1')
  await sql.query(
    `insert into second_factors (person_id, secret, sealed_with) select id, $1, 'before' from people where id like 'many-%'`,
    [rows[0]?.secret],
  )
  await tidy(rotated(), OTHER, TEST_AUTH_SECRET)
  expect((await sql.query("select 1 from second_factors where sealed_with = 'before'")).rows).toEqual([])
})
