import { beforeEach, describe, expect, test } from 'vitest'
import { REDACTED } from '../../platform/kernel/redact.ts'
import { race, countByStatus } from '../../dev/testing/race.ts'
import { actionsOf, auditCount, lastAudit, useServer, world } from '../../dev/testing/world.ts'
import type { Client, TestAgent, World } from '../../dev/testing/world.ts'

const server = useServer()

let fixture: World
let ceo: TestAgent

beforeEach(async () => {
  fixture = await world(server())
  ceo = await fixture.agent({ role: 'ceo' })
})

const hires = () => `/api/companies/${fixture.company.id}/agent-hires`
const disableHireApproval = () => server().board.patch(`/api/companies/${fixture.company.id}`, { requireBoardApprovalForNewAgents: false })
const config = { adapterType: 'process', adapterConfig: { command: 'sh', env: { KEY: 'hunter2' } } }

describe('hireAgent', () => {
  test('A hire in a company that requires approval creates a pending agent, its approval and its links', async () => {
    const issue = await fixture.issue()
    const answer = await ceo.client.post(hires(), { name: 'Ann', role: 'engineer', ...config, sourceIssueId: issue.id })
    expect(answer.status, answer.text).toBe(201)
    const { agent, approval } = answer.body
    expect(agent).toMatchObject({ name: 'Ann', status: 'pending_approval' })
    expect(approval).toMatchObject({
      type: 'hire_agent',
      status: 'pending',
      requestedByAgentId: ceo.id,
      requestedByUserId: null,
      payload: {
        name: 'Ann',
        agentId: agent.id,
        adapterConfig: { command: 'sh', env: { KEY: { type: 'plain', value: REDACTED } } },
        requestedConfigurationSnapshot: { adapterConfig: { env: { KEY: { type: 'plain', value: REDACTED } } } },
      },
    })
    expect(await actionsOf(server(), agent.id)).toEqual(['agent.hire_created'])
    expect(await lastAudit(server(), agent.id, 'agent.hire_created')).toMatchObject({
      actorType: 'agent',
      actorId: ceo.id,
      details: { requiresApproval: true, approvalId: approval.id, issueIds: [issue.id] },
    })
    expect(await actionsOf(server(), approval.id)).toEqual(['approval.created'])
    const linked = await server().board.get(`/api/approvals/${approval.id}/issues`)
    expect(linked.body.map((row: { id: string }) => row.id)).toEqual([issue.id])
  })

  test('A pending agent gets no key, no run, no work and no wake before the board decides', async () => {
    const { agent } = (await ceo.client.post(hires(), { name: 'Ann' })).body
    const before = await auditCount(server())
    expect(await server().board.post(`/api/agents/${agent.id}/keys`, {})).toMatchObject({ status: 409, body: { code: 'agent_pending' } })
    expect(await server().board.post(`/api/agents/${agent.id}/runs`, {})).toMatchObject({
      status: 409,
      body: { code: 'agent_not_invokable' },
    })
    expect(await server().board.post(`/api/agents/${agent.id}/resume`)).toMatchObject({ status: 409, body: { code: 'agent_pending' } })
    expect(await server().board.patch(`/api/agents/${agent.id}`, { status: 'idle' })).toMatchObject({
      status: 409,
      body: { code: 'agent_pending' },
    })
    const assigned = await server().board.post(`/api/companies/${fixture.company.id}/issues`, { title: 'x', assigneeAgentId: agent.id })
    expect(assigned).toMatchObject({ status: 409, body: { code: 'agent_pending' } })
    expect(await auditCount(server())).toBe(before)
    const issue = await fixture.issue()
    const taken = await server().board.post(`/api/issues/${issue.id}/checkout`, { agentId: agent.id, expectedStatuses: ['todo'] })
    expect(taken).toMatchObject({ status: 409, body: { code: 'agent_not_invokable' } })
    await server().board.post(`/api/issues/${issue.id}/comments`, { body: 'Hello @Ann' })
    const { rows } = await server().database.sql.query('select 1 from wakes where agent_id = $1', [agent.id])
    expect(rows).toHaveLength(0)
  })

  test('A pending agent cannot be changed by another agent', async () => {
    const { agent } = (await ceo.client.post(hires(), { name: 'Ann' })).body
    const before = await auditCount(server())
    for (const patch of [{ role: 'ceo' }, { adapterConfig: { command: 'sh' } }, { title: 'Boss' }])
      expect(await ceo.client.patch(`/api/agents/${agent.id}`, patch)).toMatchObject({ status: 409, body: { code: 'agent_pending' } })
    const granted = await ceo.client.patch(`/api/agents/${agent.id}/permissions`, { canCreateAgents: true, canAssignTasks: true })
    expect(granted).toMatchObject({ status: 409, body: { code: 'agent_pending' } })
    expect(await auditCount(server())).toBe(before)
  })

  test('An approved hire makes the agent idle with the requested configuration', async () => {
    const { agent, approval } = (await ceo.client.post(hires(), { name: 'Ann', ...config })).body
    expect(await server().board.post(`/api/approvals/${approval.id}/approve`, { decisionNote: 'Welcome' })).toMatchObject({ status: 200 })
    const { body } = await server().board.get(`/api/agents/${agent.id}`)
    expect(body).toMatchObject({ status: 'idle', adapterConfig: { command: 'sh', env: { KEY: { type: 'plain', value: 'hunter2' } } } })
    expect(await actionsOf(server(), agent.id)).toEqual(['agent.hire_created', 'agent.activated'])
    expect(await server().board.post(`/api/agents/${agent.id}/keys`, {})).toMatchObject({ status: 201 })
  })

  test('A rejected hire terminates the agent', async () => {
    const { agent, approval } = (await ceo.client.post(hires(), { name: 'Ann' })).body
    expect(await server().board.post(`/api/approvals/${approval.id}/reject`, {})).toMatchObject({ status: 200 })
    expect((await server().board.get(`/api/agents/${agent.id}`)).body).toMatchObject({ status: 'terminated' })
    expect(await actionsOf(server(), agent.id)).toEqual(['agent.hire_created', 'agent.terminated'])
  })

  test('A hire whose agent was terminated meanwhile is cancelled and cannot be decided', async () => {
    const { agent, approval } = (await ceo.client.post(hires(), { name: 'Ann' })).body
    await server().board.post(`/api/agents/${agent.id}/terminate`)
    const before = await auditCount(server())
    expect(await server().board.post(`/api/approvals/${approval.id}/approve`)).toMatchObject({
      status: 409,
      body: { code: 'approval_cancelled' },
    })
    expect(await auditCount(server())).toBe(before)
    expect(await server().board.post(`/api/approvals/${approval.id}/reject`)).toMatchObject({ status: 409 })
    expect((await server().board.get(`/api/approvals/${approval.id}`)).body).toMatchObject({ status: 'cancelled' })
  })

  test('A hire without required approval takes effect at once, for the board with any configuration', async () => {
    await disableHireApproval()
    const answer = await server().board.post(hires(), { name: 'Ann', ...config })
    expect(answer).toMatchObject({ status: 201, body: { agent: { status: 'idle' }, approval: null } })
    expect(await lastAudit(server(), answer.body.agent.id, 'agent.hire_created')).toMatchObject({ details: { requiresApproval: false } })
    const bare = await ceo.client.post(hires(), { name: 'Bob', role: 'engineer', title: 'Engineer' })
    expect(bare).toMatchObject({ status: 201, body: { agent: { status: 'idle' }, approval: null } })
  })

  test.each([
    ['an adapter', { adapterType: 'http' }],
    ['a command', { adapterConfig: { command: 'sh', args: ['-c', 'true'] } }],
    ['an environment', { adapterConfig: { env: { PATH: '/tmp' } } }],
    ['a working folder', { adapterConfig: { cwd: '/etc' } }],
    ['a URL', { adapterConfig: { url: 'http://169.254.169.254' } }],
    ['runtime settings', { runtimeConfig: { heartbeat: { intervalSec: 1 } } }],
    ['the powers of a CEO', { role: 'ceo' }],
    ['the power to hire', { permissions: { canCreateAgents: true } }],
  ])('A hire by an agent that asks for %s waits for the board, whatever the company requires', async (_, fields) => {
    await disableHireApproval()
    const answer = await ceo.client.post(hires(), { name: 'Ann', ...fields })
    expect(answer).toMatchObject({ status: 201, body: { agent: { status: 'pending_approval' }, approval: { status: 'pending' } } })
  })

  test('A hire is refused to agents that may not create agents', async () => {
    const plain = await fixture.agent()
    const creator = await fixture.agent({ permissions: { canCreateAgents: true } })
    const before = await auditCount(server())
    expect(await plain.client.post(hires(), { name: 'Ann' })).toMatchObject({ status: 403, body: { code: 'forbidden' } })
    expect(await auditCount(server())).toBe(before)
    expect(await creator.client.post(hires(), { name: 'Ann' })).toMatchObject({ status: 201 })
  })

  test('A hire with a foreign or missing source issue or manager is refused with the same answer', async () => {
    const other = await world(server())
    const [foreignIssue, foreignAgent] = [await other.issue(), await other.agent()]
    const missing = '00000000-0000-4000-8000-000000000000'
    const before = await auditCount(server())
    const answers = await Promise.all(
      [
        ...[foreignIssue.id, missing].map((sourceIssueId) => ({ name: 'A', sourceIssueId })),
        ...[foreignAgent.id, missing].map((reportsTo) => ({ name: 'A', reportsTo })),
      ].map((body) => ceo.client.post(hires(), body)),
    )
    expect(answers.map((answer) => [answer.status, answer.body.code])).toEqual(Array(4).fill([422, 'unknown_reference']))
    expect(answers[0]?.body.error).toBe(answers[1]?.body.error)
    const outsider = await other.agent({ role: 'ceo' })
    expect(await outsider.client.post(hires(), { name: 'Ann' })).toMatchObject({ status: 404 })
    expect(await auditCount(server())).toBe(before + 2)
  })

  test('A repeated hire under one Idempotency-Key is one agent and one approval', async () => {
    const ask = () => ceo.client.post(hires(), { name: 'Ann', ...config }, { 'idempotency-key': 'hire-ann' })
    const first = await ask()
    const again = await ask()
    expect(again.body).toEqual(first.body)
    expect(again.headers['idempotency-replayed']).toBe('true')
    expect((await server().board.get(`/api/companies/${fixture.company.id}/approvals`)).body).toHaveLength(1)
  })

  test('Eight concurrent hires of the same name give eight names', async () => {
    const answers = await race(Array.from({ length: 8 }), () => ceo.client.post(hires(), { name: 'Twin' }))
    expect(countByStatus(answers)).toEqual({ 201: 8 })
    expect(new Set(answers.map((answer) => answer.body.agent.urlKey)).size).toBe(8)
  })
})

describe('The manager of a hired agent (K48)', () => {
  test('An agent that names no manager is the manager, by each way of hiring; a person and null name none', async () => {
    const managerOf = async (id: string): Promise<string | null> => (await server().board.get(`/api/agents/${id}`)).body.reportsTo
    const hire = async (client: Client, body: object): Promise<string> =>
      (await client.post(hires(), { name: 'New', ...body })).body.agent.id
    expect(await managerOf(await hire(ceo.client, {}))).toBe(ceo.id)
    expect(await managerOf(await hire(ceo.client, { reportsTo: null }))).toBeNull()
    expect(await managerOf(await hire(server().board, {}))).toBeNull()
    const request = { type: 'hire_agent', payload: { name: 'Asked' } }
    const { body: approval } = await ceo.client.post(`/api/companies/${fixture.company.id}/approvals`, request)
    expect(approval.payload).toMatchObject({ reportsTo: ceo.id })
    const approved = await server().board.post(`/api/approvals/${approval.id}/approve`, {})
    expect(await managerOf(approved.body.payload.agentId)).toBe(ceo.id)
  })
})

describe('POST /api/agents/:id/approve', () => {
  const approve = (id: string, body?: object, client: Client = server().board) => client.post(`/api/agents/${id}/approve`, body)

  test('It approves the pending hire of the agent, once, and answers with the agent (K60)', async () => {
    const { agent, approval } = (await ceo.client.post(hires(), { name: 'Ann' })).body
    expect(await approve(agent.id, { decisionNote: 'welcome' })).toMatchObject({ status: 200, body: { id: agent.id, status: 'idle' } })
    expect((await server().board.get(`/api/approvals/${approval.id}`)).body).toMatchObject({ status: 'approved', decisionNote: 'welcome' })
    expect(await lastAudit(server(), approval.id, 'approval.approved')).toMatchObject({ actorId: 'local-board' })
    const before = await auditCount(server())
    expect(await approve(agent.id)).toMatchObject({ status: 200, body: { status: 'idle' } })
    expect(await auditCount(server())).toBe(before)
  })

  test('It refuses an agent without a hire, a rejected hire, a missing or foreign agent, and every agent as caller (K60)', async () => {
    const { agent, approval } = (await ceo.client.post(hires(), { name: 'Ann' })).body
    expect(await approve(agent.id, {}, ceo.client)).toMatchObject({ status: 403, body: { code: 'board_required' } })
    expect(await approve(ceo.id)).toMatchObject({ status: 422, body: { code: 'approval_decided' } })
    await server().board.post(`/api/approvals/${approval.id}/reject`)
    const before = await auditCount(server())
    expect((await approve(agent.id)).status).toBe(422)
    expect(await approve('7d4b9f0e-4f55-4b0a-9a57-6c1b8a9d3c11')).toMatchObject({ status: 404, body: { error: 'Agent not found' } })
    expect(await auditCount(server())).toBe(before)
  })

  test('Of a decision by the agent and one by the approval at once only one counts (K60)', async () => {
    const { agent, approval } = (await ceo.client.post(hires(), { name: 'Ann' })).body
    const reject = () => server().board.post(`/api/approvals/${approval.id}/reject`)
    const answers = await race([() => approve(agent.id), reject], (send) => send())
    expect(countByStatus(answers)).toEqual({ 200: 1, 422: 1 })
  })
})
