import { describe, expect, test } from 'vitest'
import { follow } from '../../dev/testing/follower.ts'
import { boardOf, browser, commandLineOf, cookiesOf, join, member, person, signIn } from '../../dev/testing/people.ts'
import type { TestPerson } from '../../dev/testing/people.ts'
import { TEST_PASSWORD } from '../../dev/testing/sessions.ts'
import { useServer, world } from '../../dev/testing/world.ts'
import type { Client } from '../../dev/testing/world.ts'

const server = useServer({ people: {}, boardMode: 'token' })

const users = '/api/admin/users'
const works = async (commandLine: Client): Promise<number> => (await commandLine.get('/api/cli-auth/me')).status

/** Why keys of a person ended, as the record of the instance has it. */
const reasonsOf = async ({ id }: TestPerson): Promise<string[]> =>
  (
    await server().database.sql.query<{ reason: string }>(
      `select details ->> 'reason' as reason from activity_log where entity_id = $1 and action = 'board_api_key.revoked'
         and company_id = '00000000-0000-0000-0000-000000000000' order by seq`,
      [id],
    )
  ).rows.map(({ reason }) => reason)

const setAccess = async ({ id }: TestPerson, companyIds: readonly string[]) => {
  const answer = await boardOf(server()).put(`${users}/${id}/company-access`, { companyIds })
  expect(answer.status, answer.text).toBe(200)
}

/** A person of a company with a command line that works. */
async function withCommandLine(role: 'viewer' | 'operator' = 'operator') {
  const { company } = await world(server())
  const ada = await member(server(), company.id, role)
  const commandLine = await commandLineOf(server(), ada)
  expect(await works(commandLine)).toBe(200)
  return { company, ada, commandLine }
}

describe('the keys of the command lines of a person', () => {
  test('They end at once with a new password, unless the person keeps what has signed in', async () => {
    const { ada, commandLine } = await withCommandLine()
    const change = (currentPassword: string, newPassword: string, more: object) =>
      ada.client.post('/api/auth/change-password', { currentPassword, newPassword, ...more })
    expect((await change(TEST_PASSWORD, 'a second password', { revokeOtherSessions: false })).status).toBe(200)
    expect(await works(commandLine)).toBe(200)
    expect((await change('a second password', 'a third password', {})).status).toBe(200)
    expect(await works(commandLine)).toBe(401)
    expect(await works(ada.client)).toBe(200)
    expect(await reasonsOf(ada)).toEqual(['password_changed'])
  })

  test('They end at once when the person signs out everywhere, or everywhere else, and stay when it signs out here', async () => {
    const { ada, commandLine } = await withCommandLine()
    const second = await commandLineOf(server(), ada)
    expect((await ada.client.post('/api/auth/revoke-other-sessions')).body).toEqual({ success: true, ended: 2 })
    expect([await works(commandLine), await works(second), await works(ada.client)]).toEqual([401, 401, 200])
    const third = await commandLineOf(server(), ada)
    expect((await ada.client.post('/api/auth/sign-out')).status).toBe(200)
    expect(await works(third)).toBe(200)
    const again = browser(server()).with({ cookie: cookiesOf(await signIn(server(), ada.email)) })
    expect((await again.post('/api/auth/revoke-sessions')).body).toEqual({ success: true, ended: 2 })
    expect(await works(third)).toBe(401)
    expect(await reasonsOf(ada)).toEqual(['signed_out', 'signed_out', 'signed_out'])
  })

  test('They end at once with the last company of the person, and a later membership brings none back', async () => {
    const { company, ada, commandLine } = await withCommandLine()
    const other = await world(server())
    await setAccess(ada, [company.id, other.company.id])
    await setAccess(ada, [other.company.id])
    expect(await works(commandLine)).toBe(200)
    await setAccess(ada, [])
    expect(await works(commandLine)).toBe(401)
    await setAccess(ada, [company.id])
    expect(await works(commandLine)).toBe(401)
    expect(await reasonsOf(ada)).toEqual(['access_ended'])
  })

  test('They end at once when the person is suspended in its last company, with the streams that they opened', async () => {
    const { company, ada, commandLine } = await withCommandLine('viewer')
    const list = (await boardOf(server()).get(`/api/companies/${company.id}/members`)).body as { id: string; principalId: string }[]
    const memberId = list.find(({ principalId }) => principalId === ada.id)?.id
    const path = `/api/companies/${company.id}/members/${memberId}`
    expect((await boardOf(server()).patch(path, { role: 'operator' })).status).toBe(200)
    expect(await works(commandLine)).toBe(200)
    const stream = await follow(server().url, `/api/companies/${company.id}/events/stream`, commandLine.headers)
    expect(stream.status).toBe(200)
    expect((await boardOf(server()).patch(path, { status: 'suspended' })).status).toBe(200)
    expect(await works(commandLine)).toBe(401)
    await stream.ended
    expect((await boardOf(server()).patch(path, { status: 'active' })).status).toBe(200)
    expect(await works(commandLine)).toBe(401)
  })

  test('They end at once with the administration of the instance, also of a person that stays a member', async () => {
    const { ada, commandLine } = await withCommandLine()
    const other = await person(server(), 'Other')
    for (const { id } of [ada, other]) await boardOf(server()).post(`${users}/${id}/promote-instance-admin`)
    expect((await commandLine.get('/api/cli-auth/me')).body).toMatchObject({ isInstanceAdmin: true })
    expect((await boardOf(server()).post(`${users}/${ada.id}/demote-instance-admin`)).status).toBe(200)
    expect(await works(commandLine)).toBe(401)
    expect((await ada.client.get('/api/cli-auth/me')).body).toMatchObject({ isInstanceAdmin: false })
    const later = await commandLineOf(server(), ada)
    expect((await later.get('/api/cli-auth/me')).body).toMatchObject({ isInstanceAdmin: false })
    await boardOf(server()).post(`${users}/${ada.id}/promote-instance-admin`)
    // An administrator needs no membership, so the end of the last one ends nothing.
    await setAccess(ada, [])
    expect(await works(later)).toBe(200)
    expect(await reasonsOf(ada)).toEqual(['access_ended'])
  })

  test('A key that ends on one server is refused by another within a second (I16)', async () => {
    const { ada, commandLine } = await withCommandLine()
    const peer = await server().startPeer()
    try {
      const there = peer.bearer((commandLine.headers['authorization'] ?? '').slice('Bearer '.length))
      expect((await there.get('/api/cli-auth/me')).status).toBe(200)
      await setAccess(ada, [])
      await expect.poll(async () => (await there.get('/api/cli-auth/me')).status, { timeout: 5000 }).toBe(401)
    } finally {
      await peer.stop()
    }
  })

  test('A session that has ended makes no key, also on a server that still trusts it', async () => {
    const { company } = await world(server())
    const ada = await person(server())
    await join(server(), ada, company.id, 'operator')
    const login = (await server().anonymous.post('/api/cli-auth/challenges', { command: 'paperclipai company list' })).body
    expect(await works(ada.client)).toBe(200)
    // As another server ends it, whose commit this one has not heard of.
    await server().database.sql.query('delete from sign_ins where person_id = $1', [ada.id])
    const approved = await ada.client.post(`/api/cli-auth/challenges/${login.id}/approve`, { token: login.token })
    expect(approved.status).toBe(401)
    expect(await works(server().bearer(login.boardApiToken))).toBe(401)
  })
})
