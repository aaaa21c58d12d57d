import { beforeEach, describe, expect, test } from 'vitest'
import { actionsOf, auditCount, lastAudit, useServer, world } from '../../dev/testing/world.ts'
import type { TestAgent, World } from '../../dev/testing/world.ts'

const server = useServer()

let fixture: World
let requester: TestAgent

beforeEach(async () => {
  fixture = await world(server())
  requester = await fixture.agent()
})

const ask = async (body: Record<string, unknown> = {}, client = requester.client) => {
  const answer = await client.post(`/api/companies/${fixture.company.id}/approvals`, {
    type: 'request_board_approval',
    payload: { title: 'May I?' },
    ...body,
  })
  expect(answer.status, answer.text).toBe(201)
  return answer.body as { id: string; updatedAt: string }
}
const board = () => server().board
const wakesOf = async (agentId: string) => {
  const { rows } = await server().database.sql.query(
    `select w.reason, w.payload, w.status, w.issue_id as "issueId", r.status as "runStatus" from wakes w join heartbeat_runs r on r.id = w.run_id
     where w.agent_id = $1 order by w.created_at`,
    [agentId],
  )
  return rows as { reason: string; payload: Record<string, unknown>; status: string; runStatus: string; issueId: string | null }[]
}

describe('decideApproval', () => {
  test.each([
    ['approve', 'approved'],
    ['reject', 'rejected'],
    ['request-revision', 'revision_requested'],
  ])('The decision %s is written with its decider, audited once, and wakes the requester', async (verb, status) => {
    const issue = await fixture.issue()
    const approval = await ask({ issueIds: [issue.id] })
    const answer = await board().post(`/api/approvals/${approval.id}/${verb}`, {
      decisionNote: 'Because',
      decidedByUserId: 'another-user',
    })
    expect(answer.status, answer.text).toBe(200)
    expect(answer.body).toMatchObject({ status, decisionNote: 'Because', decidedByUserId: 'local-board' })
    expect(answer.body.decidedAt).not.toBeNull()
    expect((await board().get(`/api/approvals/${approval.id}`)).body).toEqual(answer.body)
    expect(await actionsOf(server(), approval.id)).toEqual(['approval.created', `approval.${status}`, 'approval.requester_wakeup_queued'])
    expect(await lastAudit(server(), approval.id, `approval.${status}`)).toMatchObject({
      actorType: 'user',
      actorId: 'local-board',
      details: { previousStatus: 'pending', requestedByAgentId: requester.id },
    })
    expect(await wakesOf(requester.id)).toEqual([
      {
        reason: `approval_${status}`,
        status: 'queued',
        runStatus: 'queued',
        issueId: null,
        payload: { approvalId: approval.id, approvalStatus: status, issueId: issue.id, issueIds: [issue.id] },
      },
    ])
  })

  test.each([
    ['approve', 'reject'],
    ['reject', 'approve'],
  ])('A repeated decision %s changes nothing, and %s after it is refused', async (verb, opposite) => {
    const approval = await ask()
    const first = await board().post(`/api/approvals/${approval.id}/${verb}`, { decisionNote: 'first' })
    const before = await auditCount(server())
    const again = await board().post(`/api/approvals/${approval.id}/${verb}`, { decisionNote: 'second' })
    expect(again).toMatchObject({ status: 200, body: first.body })
    for (const other of [opposite, 'request-revision', 'resubmit'])
      expect(await board().post(`/api/approvals/${approval.id}/${other}`)).toMatchObject({
        status: 422,
        body: { code: 'approval_decided' },
      })
    expect(await auditCount(server())).toBe(before)
    expect(await wakesOf(requester.id)).toHaveLength(1)
  })

  test('A decision can follow a request for revision, and a second request for revision is refused', async () => {
    const approval = await ask()
    await board().post(`/api/approvals/${approval.id}/request-revision`)
    const before = await auditCount(server())
    expect(await board().post(`/api/approvals/${approval.id}/request-revision`)).toMatchObject({ status: 422 })
    expect(await auditCount(server())).toBe(before)
    expect(await board().post(`/api/approvals/${approval.id}/approve`)).toMatchObject({ status: 200, body: { status: 'approved' } })
  })

  test('A decision by an agent is refused, on its own request and by a CEO', async () => {
    const approval = await ask()
    const ceo = await fixture.agent({ role: 'ceo' })
    const before = await auditCount(server())
    for (const client of [requester.client, ceo.client, (await fixture.run(requester)).client])
      for (const verb of ['approve', 'reject', 'request-revision'])
        expect(await client.post(`/api/approvals/${approval.id}/${verb}`)).toMatchObject({
          status: 403,
          body: { error: 'Board access required' },
        })
    expect(await auditCount(server())).toBe(before + 1)
  })

  test('A decision on the decider’s own request is refused while another member can decide', async () => {
    const approval = await ask({}, board())
    const member = [fixture.company.id, 'another-user']
    await server().database.sql.query(
      `insert into company_memberships (company_id, principal_type, principal_id, status) values ($1, 'user', $2, 'active')`,
      member,
    )
    const before = await auditCount(server())
    for (const verb of ['approve', 'reject', 'request-revision'])
      expect(await board().post(`/api/approvals/${approval.id}/${verb}`)).toMatchObject({ status: 403, body: { code: 'own_request' } })
    expect(await auditCount(server())).toBe(before)
    await server().database.sql.query('delete from company_memberships where company_id = $1 and principal_id = $2', member)
    expect(await board().post(`/api/approvals/${approval.id}/approve`)).toMatchObject({ status: 200 })
  })

  test('A decision with the entity tag of an older version of the approval is refused', async () => {
    const approval = await ask()
    const read = await board().get(`/api/approvals/${approval.id}`)
    const tag = read.headers['etag'] ?? ''
    await board().post(`/api/approvals/${approval.id}/request-revision`)
    await requester.client.post(`/api/approvals/${approval.id}/resubmit`, { payload: { title: 'May I more?' } })
    const before = await auditCount(server())
    const late = await board().post(`/api/approvals/${approval.id}/approve`, {}, { 'if-match': tag })
    expect(late).toMatchObject({ status: 412, body: { code: 'precondition_failed', approval: { payload: { title: 'May I more?' } } } })
    expect(await auditCount(server())).toBe(before)
    const current = (await board().get(`/api/approvals/${approval.id}`)).headers['etag'] ?? ''
    expect(await board().post(`/api/approvals/${approval.id}/approve`, {}, { 'if-match': current })).toMatchObject({ status: 200 })
  })

  test('A person who resubmits an approval themselves may decide on it without reading it again, and no other version', async () => {
    const approval = await ask()
    await board().get(`/api/approvals/${approval.id}`)
    await board().post(`/api/approvals/${approval.id}/request-revision`)
    await board().post(`/api/approvals/${approval.id}/resubmit`, { payload: { title: 'As the board wants it' } })
    await board().post(`/api/approvals/${approval.id}/request-revision`)
    await requester.client.post(`/api/approvals/${approval.id}/resubmit`, { payload: { title: 'As the agent wants it' } })
    expect(await board().post(`/api/approvals/${approval.id}/approve`)).toMatchObject({ status: 409, body: { code: 'approval_changed' } })
    await board().post(`/api/approvals/${approval.id}/request-revision`)
    await board().post(`/api/approvals/${approval.id}/resubmit`, { payload: { title: 'As the board wants it now' } })
    expect(await board().post(`/api/approvals/${approval.id}/approve`)).toMatchObject({ status: 200, body: { status: 'approved' } })
  })

  test('A decision does not wake a requester that is not invokable and records that', async () => {
    const approval = await ask()
    await board().post(`/api/agents/${requester.id}/pause`)
    expect(await board().post(`/api/approvals/${approval.id}/approve`)).toMatchObject({ status: 200 })
    expect(await actionsOf(server(), approval.id)).toEqual(['approval.created', 'approval.approved', 'approval.requester_wakeup_failed'])
    expect(await wakesOf(requester.id)).toEqual([])
  })

  test('Approving a hire that came without an agent creates the agent', async () => {
    const approval = await ask({ type: 'hire_agent', payload: { name: 'Ann', role: 'qa', adapterConfig: { env: { KEY: 'hunter2' } } } })
    const answer = await board().post(`/api/approvals/${approval.id}/approve`)
    expect(answer.status, answer.text).toBe(200)
    const { agentId } = answer.body.payload
    expect((await board().get(`/api/agents/${agentId}`)).body).toMatchObject({
      name: 'Ann',
      role: 'qa',
      status: 'idle',
      adapterConfig: { env: { KEY: { type: 'plain', value: 'hunter2' } } },
    })
    expect(await actionsOf(server(), agentId)).toEqual(['agent.created'])
    expect(answer.text).not.toContain('hunter2')
  })

  test.each(['approve_ceo_strategy', 'budget_override_required', 'request_board_approval'])(
    'Approving a request of type %s has no effect but the wake',
    async (type) => {
      const approval = await ask({ type, payload: { plan: 'Grow' } })
      const before = await auditCount(server())
      expect(await board().post(`/api/approvals/${approval.id}/approve`)).toMatchObject({
        status: 200,
        body: { payload: { plan: 'Grow' } },
      })
      expect(await auditCount(server())).toBe(before + 2)
    },
  )

  test('A decision on a missing approval is 404 and on a malformed id 400', async () => {
    const missing = await board().post('/api/approvals/00000000-0000-4000-8000-000000000000/approve')
    expect(missing).toMatchObject({ status: 404, body: { error: 'Approval not found' } })
    expect(await board().post('/api/approvals/nope/approve')).toMatchObject({ status: 400 })
  })
})
