// Accounts where sign-up is disabled: each is made with an invitation that people can accept, once.

import { beforeEach, describe, expect, test } from 'vitest'
import { boardOf, browser, cookiesOf } from '../../dev/testing/people.ts'
import { countByStatus, race } from '../../dev/testing/race.ts'
import { TEST_PASSWORD } from '../../dev/testing/sessions.ts'
import { auditCount, useServer, world } from '../../dev/testing/world.ts'
import type { Answer } from '../../dev/testing/world.ts'
import { forgetSignIns } from './forget.ts'

const server = useServer({ people: { allowsSignUp: false }, boardMode: 'token' })
const open = useServer({ people: {}, boardMode: 'token' })

beforeEach(async () => void (await server().database.sql.query('delete from auth_attempts')))

interface Invitation {
  readonly id: string
  readonly token: string
  readonly companyId: string
}

/** Makes an invitation to a new company. */
async function invite(allowedJoinTypes: 'human' | 'agent' | 'both' = 'human'): Promise<Invitation> {
  const { company } = await world(server())
  const made = await boardOf(server()).post(`/api/companies/${company.id}/invites`, { allowedJoinTypes })
  expect(made.status, made.text).toBe(201)
  return { id: made.body.id, token: made.body.token, companyId: company.id }
}

let count = 0
const newEmail = (): string => `invited-${(count += 1)}@example.com`

const signUp = (invitation: unknown, email = newEmail(), headers: Record<string, string> = {}): Promise<Answer> =>
  browser(server()).post('/api/auth/sign-up/email', { name: 'Ada', email, password: TEST_PASSWORD, invitation }, headers)

const rows = async <T extends object>(text: string, ...values: unknown[]): Promise<T[]> =>
  (await server().database.sql.query<T>(text, values)).rows

const countOf = async (table: string): Promise<number> => (await rows<{ n: number }>(`select count(*)::int as n from ${table}`))[0]?.n ?? -1

/** Refused, and nothing was written: no account, no session, no audit row, no mark. */
async function refused(act: () => Promise<Answer>): Promise<void> {
  const state = async () => [await countOf('people'), await countOf('sign_ins'), await countOf('challenges'), await auditCount(server())]
  const before = await state()
  const answer = await act()
  expect(answer.body, answer.text).toMatchObject({
    code: 'sign_up_disabled',
    error: expect.stringContaining('except with an invitation') as string,
  })
  expect(answer.status).toBe(403)
  expect(cookiesOf(answer)).toBe('')
  expect(await state()).toEqual(before)
}

describe('an account with an invitation, where sign-up is disabled', () => {
  test('The person makes its account, and accepts; the audit rows of the account name the invitation, in one transaction', async () => {
    const { id, token, companyId } = await invite('both')
    const answer = await signUp(token)
    expect(answer.status, answer.text).toBe(200)
    const audit = await rows<{ action: string; details: object; txid: string }>(
      'select action, details, txid::text from activity_log where entity_id = $1 order by seq',
      answer.body.user.id,
    )
    expect(audit.map(({ action }) => action)).toEqual(['person.created', 'person.login_added', 'person.signed_in', 'person.invited'])
    expect(audit.at(-1)?.details).toEqual({ inviteId: id })
    expect(new Set(audit.map(({ txid }) => txid)).size).toBe(1)
    const person = browser(server()).with({ cookie: cookiesOf(answer) })
    const accepted = await person.post(`/api/invites/${token}/accept`, { requestType: 'human' })
    expect(accepted).toMatchObject({ status: 202, body: { companyId, requestingUserId: answer.body.user.id, status: 'pending_approval' } })
    expect((await server().anonymous.get(`/api/invites/${token}`)).status).toBe(404)
    await refused(() => signUp(token))
  })

  test('The first administrator makes its account with the invitation of the instance', async () => {
    const { body } = await boardOf(server()).post('/api/instance/bootstrap-invites', {})
    const answer = await signUp(body.token)
    expect(answer.status, answer.text).toBe(200)
    await refused(() => signUp(body.token))
    const person = browser(server()).with({ cookie: cookiesOf(answer) })
    expect((await person.post(`/api/invites/${body.token}/accept`, { requestType: 'human' })).body).toMatchObject({
      bootstrapAccepted: true,
    })
    expect((await person.get('/api/cli-auth/me')).body).toMatchObject({ isInstanceAdmin: true })
  })

  test('A person without an invitation is refused, and so is one whose invitation people cannot accept now', async () => {
    await refused(() => signUp(undefined))
    for (const unknown of ['', 'pcp_invite_unknown', '../../invite', "' or true --", 'x'.repeat(100)]) await refused(() => signUp(unknown))
    const forAgents = await invite('agent')
    await refused(() => signUp(forAgents.token))
    const revoked = await invite()
    expect((await boardOf(server()).post(`/api/invites/${revoked.id}/revoke`)).status).toBe(200)
    await refused(() => signUp(revoked.token))
    const over = await invite()
    await server().database.sql.query("update invites set expires_at = now() - interval '1 second' where id = $1", [over.id])
    await refused(() => signUp(over.token))
    const used = await invite('both')
    expect((await server().anonymous.post(`/api/invites/${used.token}/accept`, { requestType: 'agent', agentName: 'One' })).status).toBe(
      202,
    )
    await refused(() => signUp(used.token))
    const [earlier, later] = [
      await boardOf(server()).post('/api/instance/bootstrap-invites', {}),
      await boardOf(server()).post('/api/instance/bootstrap-invites', {}),
    ]
    expect(later.status).toBe(201)
    await refused(() => signUp(earlier.body.token))
    for (const wrong of ['x'.repeat(101), 7, { token: 'x' }]) expect((await signUp(wrong)).status).toBe(400)
  })

  test('An invitation to one company opens no other, and a company that is deleted invites no more', async () => {
    const [here, elsewhere] = [await invite(), await invite()]
    const answer = await signUp(here.token)
    const person = browser(server()).with({ cookie: cookiesOf(answer) })
    expect((await person.post(`/api/invites/${here.token}/accept`, { requestType: 'human' })).status).toBe(202)
    for (const { companyId } of [here, elsewhere]) expect((await person.get(`/api/companies/${companyId}`)).status).toBe(404)
    const [request] = (await boardOf(server()).get(`/api/companies/${here.companyId}/join-requests`)).body as { id: string }[]
    const approved = await boardOf(server()).post(`/api/companies/${here.companyId}/join-requests/${request?.id}/approve`)
    expect(approved.status, approved.text).toBe(200)
    expect((await person.get(`/api/companies/${here.companyId}`)).status).toBe(200)
    expect((await person.get(`/api/companies/${elsewhere.companyId}`)).status).toBe(404)
    const deleted = await boardOf(server()).del(`/api/companies/${elsewhere.companyId}`)
    expect(deleted.status, deleted.text).toBe(200)
    await refused(() => signUp(elsewhere.token))
  })

  test('It makes one account: the second sign-up is refused although the first person has not accepted, and the tidying keeps it so', async () => {
    const { token } = await invite()
    expect((await signUp(token)).status).toBe(200)
    await refused(() => signUp(token))
    await forgetSignIns(server().store)
    await refused(() => signUp(token))
    expect((await server().anonymous.get(`/api/invites/${token}`)).status).toBe(200)
  })

  test('An address that has an account does not use the invitation up', async () => {
    const email = newEmail()
    expect((await signUp((await invite()).token, email)).status).toBe(200)
    const { token } = await invite()
    expect((await signUp(token, email)).body).toMatchObject({ code: 'email_taken' })
    expect((await signUp(token)).status).toBe(200)
  })

  test('Of sign-ups with one invitation at once exactly one makes an account', async () => {
    for (let round = 0; round < 2; round += 1) {
      const { token } = await invite()
      const emails = [newEmail(), newEmail(), newEmail()]
      const answers = await race(emails, (email) => signUp(token, email))
      expect(countByStatus(answers)).toEqual({ 200: 1, 403: 2 })
      expect(await rows('select email from people where email = any($1)', emails)).toHaveLength(1)
      await server().database.sql.query('delete from auth_attempts')
    }
  })

  test('A sign-up that meets the end of its invitation makes an account before it, or none', async () => {
    for (let round = 0; round < 3; round += 1) {
      const { id, token } = await invite()
      const [revoked, answer] = await race([0, 1], (which) =>
        which === 0 ? boardOf(server()).post(`/api/invites/${id}/revoke`) : signUp(token),
      )
      expect(revoked?.status).toBe(200)
      expect([200, 403]).toContain(answer?.status)
      await refused(() => signUp(token))
    }
  })

  test('A repeat with an Idempotency-Key gets the answer of the first', async () => {
    const { token } = await invite()
    const [email, headers] = [newEmail(), { 'idempotency-key': 'the-key-of-a-sign-up' }]
    const first = await signUp(token, email, headers)
    const repeat = await signUp(token, email, headers)
    expect([first.status, repeat.status]).toEqual([200, 200])
    expect(repeat.body).toEqual(first.body)
  })
})

test('Where people make accounts as they like an invitation changes nothing, and a wrong one hinders no person', async () => {
  const body = { name: 'Ada', email: newEmail(), password: TEST_PASSWORD, invitation: 'pcp_invite_unknown' }
  expect((await browser(open()).post('/api/auth/sign-up/email', body)).status).toBe(200)
})
