import { describe, expect, test } from 'vitest'
import { boardOf, member, person } from '../../dev/testing/people.ts'
import { follow } from '../../dev/testing/follower.ts'
import { auditCount, lastAudit, useServer, world } from '../../dev/testing/world.ts'

const server = useServer({ people: {}, boardMode: 'token' })
const local = useServer()
const at = '/api/cli-auth'

async function begin(body: object = {}, target = server()) {
  const answer = await target.anonymous.post(`${at}/challenges`, { command: 'paperclipai company list', ...body })
  expect(answer.status, answer.text).toBe(201)
  return answer.body as { id: string; token: string; boardApiToken: string; approvalPath: string; pollPath: string }
}

describe('the login of a command line', () => {
  test('It asks, a person approves, and the key that it has already begins to work for thirty days', async () => {
    const { company } = await world(server())
    const ada = await member(server(), company.id, 'operator')
    const login = await begin({ clientName: 'laptop', requestedCompanyId: company.id })
    expect(login).toMatchObject({
      token: expect.stringMatching(/^pcp_cli_auth_[0-9a-f]{48}$/) as string,
      boardApiToken: expect.stringMatching(/^pcp_board_[0-9a-f]{48}$/) as string,
      approvalPath: `/cli-auth/${login.id}?token=${login.token}`,
      pollPath: `/cli-auth/challenges/${login.id}`,
      suggestedPollIntervalMs: 1000,
    })
    const commandLine = server().bearer(login.boardApiToken)
    expect((await commandLine.get(`${at}/me`)).status).toBe(401)
    const poll = async (client = server().anonymous) => (await client.get(`/api${login.pollPath}?token=${login.token}`)).body
    expect(await poll()).toMatchObject({ status: 'pending', requiresSignIn: true, canApprove: false, currentUserId: null })
    expect(await poll(ada.client)).toMatchObject({ requestedCompanyName: 'Acme Works', requiresSignIn: false, canApprove: true })
    const approve = () => ada.client.post(`${at}/challenges/${login.id}/approve`, { token: login.token })
    const approved = await approve()
    expect(approved).toMatchObject({ status: 200, body: { approved: true, status: 'approved', userId: ada.id } })
    expect((await approve()).body).toEqual(approved.body)
    expect(await poll()).toMatchObject({ status: 'approved', approvedByUser: { id: ada.id, email: ada.email } })
    expect((await commandLine.get(`${at}/me`)).body).toMatchObject({
      userId: ada.id,
      source: 'board_key',
      keyId: approved.body.keyId,
      companyIds: [company.id],
    })
    expect((await commandLine.post(`/api/companies/${company.id}/issues`, { title: 'By the command line' })).status).toBe(201)
    expect((await commandLine.post(`/api/companies/${company.id}/archive`, {})).body).toMatchObject({ code: 'role_missing' })
    const { rows } = await server().database.sql.query(
      "select company_id from activity_log where action = 'board_api_key.created' and entity_id = $1",
      [ada.id],
    )
    expect(rows).toHaveLength(2)
    expect(JSON.stringify((await lastAudit(server(), ada.id, 'board_api_key.created')).details)).not.toContain('pcp_')
    await server().database.passTime('30 days')
    await expect.poll(async () => (await commandLine.get(`${at}/me`)).status).toBe(401)
  })

  test('A key ends at once when its command line logs out, with the streams that it opened', async () => {
    const { company } = await world(server())
    const ada = await member(server(), company.id, 'viewer')
    const login = await begin()
    await ada.client.post(`${at}/challenges/${login.id}/approve`, { token: login.token })
    const commandLine = server().bearer(login.boardApiToken)
    const stream = await follow(server().url, `/api/companies/${company.id}/events/stream`, commandLine.headers)
    expect(stream.status).toBe(200)
    expect((await commandLine.post(`${at}/revoke-current`, {})).body).toMatchObject({ revoked: true })
    expect((await commandLine.get(`${at}/me`)).status).toBe(401)
    await stream.ended
    expect((await ada.client.post(`${at}/revoke-current`, {})).body).toMatchObject({ code: 'bad_request' })
    expect((await commandLine.post('/api/auth/sign-out')).status).toBe(401)
  })

  test('Only who has the secret reads, approves or cancels a login, and one that is over, cancelled or unknown does not begin to work', async () => {
    const ada = await person(server())
    const login = await begin()
    const other = await begin()
    for (const path of [`${login.id}?token=${other.token}`, login.id, `0b6ac4d7-98a5-4f0b-8a7b-2d7c02b2b9f1?token=${login.token}`])
      expect((await server().anonymous.get(`${at}/challenges/${path}`)).body).toMatchObject({ code: 'not_found' })
    const post = (id: string, what: string, token: string) => ada.client.post(`${at}/challenges/${id}/${what}`, { token })
    expect((await post(login.id, 'approve', other.token)).body).toMatchObject({ code: 'not_found' })
    expect((await post(login.id, 'cancel', other.token)).body).toMatchObject({ code: 'not_found' })
    expect((await server().anonymous.post(`${at}/challenges/${login.id}/approve`, { token: login.token })).status).toBe(401)
    expect((await post(login.id, 'cancel', login.token)).body).toEqual({ status: 'cancelled', cancelled: true })
    const before = await auditCount(server())
    expect((await post(login.id, 'approve', login.token)).body).toMatchObject({ approved: false, status: 'cancelled' })
    await server().database.passTime('10 minutes')
    expect((await post(other.id, 'approve', other.token)).body).toMatchObject({ approved: false, status: 'expired' })
    expect(await auditCount(server())).toBe(before)
    for (const { boardApiToken } of [login, other]) expect((await server().bearer(boardApiToken).get(`${at}/me`)).status).toBe(401)
  })

  test('A login that needs an administrator is approved by none but one', async () => {
    const ada = await person(server())
    const login = await begin({ requestedAccess: 'instance_admin_required' })
    const approve = () => ada.client.post(`${at}/challenges/${login.id}/approve`, { token: login.token })
    expect((await approve()).body).toMatchObject({ code: 'admin_required', error: 'Instance admin required' })
    await boardOf(server()).post(`/api/admin/users/${ada.id}/promote-instance-admin`)
    expect((await approve()).body).toMatchObject({ approved: true })
    expect((await server().bearer(login.boardApiToken).get(`${at}/me`)).body).toMatchObject({ isInstanceAdmin: true })
    await boardOf(server()).post(`/api/admin/users/${ada.id}/promote-instance-admin`)
  })

  test('A body that says too much or nothing is refused, and an address asks thirty times in ten minutes', async () => {
    for (const body of [{ command: '' }, { command: 'x'.repeat(241) }, { command: 'x', requestedAccess: 'root' }])
      expect((await server().anonymous.post(`${at}/challenges`, body)).status).toBe(400)
    await server().database.sql.query("delete from auth_attempts where key like 'cli-login:%'")
    const answers = await Promise.all(Array.from({ length: 32 }, () => server().anonymous.post(`${at}/challenges`, { command: 'x' })))
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(2)
  })
})

test('On a local server the board approves by its token, and not by its account alone (T1.4)', async () => {
  const login = await begin({}, local())
  const approve = (client = local().board) => client.post(`${at}/challenges/${login.id}/approve`, { token: login.token })
  expect((await approve()).body).toMatchObject({ code: 'board_token_required' })
  expect((await local().bearer(login.boardApiToken).get(`${at}/me`)).status).toBe(401)
  expect((await approve(boardOf(local()))).body).toMatchObject({ approved: true, userId: 'local-board' })
  expect((await local().bearer(login.boardApiToken).get(`${at}/me`)).body).toMatchObject({
    userId: 'local-board',
    isInstanceAdmin: true,
    source: 'board_key',
  })
})
