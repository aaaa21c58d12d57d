import { beforeEach, describe, expect, test } from 'vitest'
import { REDACTED } from '../../platform/kernel/redact.ts'
import { actionsOf, auditCount, expireLease, lastAudit, nextPagePath, useServer, world } from '../../dev/testing/world.ts'
import type { Client, TestAgent, World } from '../../dev/testing/world.ts'

const server = useServer()
const MISSING_ID = '00000000-0000-4000-8000-000000000000'

let fixture: World
let requester: TestAgent

beforeEach(async () => {
  fixture = await world(server())
  requester = await fixture.agent()
})

const board = () => server().board
const list = (query = '') => `/api/companies/${fixture.company.id}/approvals${query}`
const requestApproval = (body: Record<string, unknown> = {}, client: Client = requester.client) =>
  client.post(list(), { type: 'request_board_approval', payload: { title: 'May I?' }, ...body })
const requestedApproval = async (body: Record<string, unknown> = {}, client: Client = requester.client) => {
  const answer = await requestApproval(body, client)
  expect(answer.status, answer.text).toBe(201)
  return answer.body
}

describe('requestApproval', () => {
  test('Every agent can request an approval, in its own name whatever the body says', async () => {
    const other = await fixture.agent()
    const approval = await requestedApproval({ requestedByAgentId: other.id })
    expect(approval).toMatchObject({
      companyId: fixture.company.id,
      type: 'request_board_approval',
      status: 'pending',
      requestedByAgentId: requester.id,
      requestedByUserId: null,
      payload: { title: 'May I?' },
      decisionNote: null,
      decidedByUserId: null,
      decidedAt: null,
    })
    expect(await lastAudit(server(), approval.id, 'approval.created')).toMatchObject({ actorType: 'agent', actorId: requester.id })
  })

  test('A request by the board can name an agent of the company and no other agent', async () => {
    const approval = await requestedApproval({ requestedByAgentId: requester.id }, board())
    expect(approval).toMatchObject({ requestedByAgentId: requester.id, requestedByUserId: 'local-board' })
    const elsewhere = await world(server())
    const foreign = await elsewhere.agent()
    const before = await auditCount(server())
    for (const requestedByAgentId of [foreign.id, MISSING_ID])
      expect(await requestApproval({ requestedByAgentId }, board())).toMatchObject({ status: 422, body: { code: 'unknown_reference' } })
    expect(await auditCount(server())).toBe(before)
  })

  test('Every answer redacts the secrets of a payload, and the audit repeats no payload', async () => {
    const token = `pcp_${'a'.repeat(48)}`
    const secrets = {
      apiKey: 'hunter2',
      nested: { authorization: 'hunter2' },
      env: { A: { type: 'plain', value: 'hunter2' } },
      note: token,
    }
    const approval = await requestedApproval({ payload: { title: 'x', ...secrets } })
    const shown = {
      title: 'x',
      apiKey: REDACTED,
      nested: { authorization: REDACTED },
      env: { A: { type: 'plain', value: REDACTED } },
      note: REDACTED,
    }
    const issue = await fixture.issue()
    await board().post(`/api/issues/${issue.id}/approvals`, { approvalId: approval.id })
    const views = [
      approval,
      (await board().get(`/api/approvals/${approval.id}`)).body,
      (await board().get(list())).body[0],
      (await board().get(`/api/issues/${issue.id}/approvals`)).body[0],
      (await board().post(`/api/approvals/${approval.id}/approve`)).body,
    ]
    for (const view of views) expect(view.payload).toEqual(shown)
    const { rows } = await server().database.sql.query('select details::text as text from activity_log where entity_id = $1', [approval.id])
    for (const row of rows as { text: string }[]) expect(row.text).not.toMatch(/hunter2|pcp_/)
  })

  test.each([
    ['a hire that names an agent', { type: 'hire_agent', payload: { name: 'A', agentId: MISSING_ID } }],
    ['a hire that describes no agent', { type: 'hire_agent', payload: { name: 'A', adapterType: 'nonsense' } }],
    ['a change of configuration in disguise', { payload: { agentConfiguration: { agentId: MISSING_ID, changes: {} } } }],
    ['redacted secrets', { payload: { apiKey: REDACTED } }],
    [
      'a hire whose agent stands one level deeper (K6)',
      { type: 'hire_agent', payload: { hire: { name: 'A', role: 'engineer' }, reason: 'x' } },
    ],
    ['a hire with a name and an agent in another shape (K6)', { type: 'hire_agent', payload: { name: 'A', agent: { role: 'engineer' } } }],
    ['a hire without a name (K6)', { type: 'hire_agent', payload: { role: 'engineer', adapterType: 'process' } }],
    ['a hire with a blank name (K6)', { type: 'hire_agent', payload: { name: '  ' } }],
    ['a hire with an empty payload (K6)', { type: 'hire_agent', payload: {} }],
    ['a strategy whose plan is a number (K6)', { type: 'approve_ceo_strategy', payload: { plan: 42 } }],
    ['a budget of an unknown scope (K6)', { type: 'budget_override_required', payload: { scopeType: 'planet' } }],
    ['a budget of a negative amount (K6)', { type: 'budget_override_required', payload: { amountLimit: -1 } }],
    ['a request whose risks are one text (K6)', { payload: { title: 'May I?', risks: 'none' } }],
  ])('A request with %s is refused', async (_, body) => {
    const before = await auditCount(server())
    for (const client of [requester.client, board()])
      expect(await requestApproval(body, client)).toMatchObject({ status: 422, body: { code: 'payload_invalid' } })
    expect(await auditCount(server())).toBe(before)
  })

  test('A hire below a manager who is not in the company is refused when it is filed, and when it is resubmitted (K6)', async () => {
    const foreign = await (await world(server())).agent()
    for (const reportsTo of [foreign.id, MISSING_ID])
      expect(await requestApproval({ type: 'hire_agent', payload: { name: 'A', reportsTo } })).toMatchObject({
        status: 422,
        body: { code: 'unknown_reference', error: 'Manager not found' },
      })
    const filed = await requestedApproval({ type: 'hire_agent', payload: { name: 'A', reason: 'we need one' } })
    await board().post(`/api/approvals/${filed.id}/request-revision`)
    const resubmit = (payload: object) => requester.client.post(`/api/approvals/${filed.id}/resubmit`, { payload })
    expect(await resubmit({ name: 'A', reportsTo: MISSING_ID })).toMatchObject({ status: 422, body: { code: 'unknown_reference' } })
    expect(await resubmit({ hire: { name: 'A' } })).toMatchObject({ status: 422, body: { code: 'payload_invalid' } })
    expect(await resubmit({ name: 'A', reportsTo: requester.id })).toMatchObject({ status: 200 })
  })

  test('A request with an invalid body is refused', async () => {
    for (const body of [{ type: 'nonsense' }, { payload: 'text' }, { issueIds: ['nope'] }])
      expect(await requestApproval(body)).toMatchObject({ status: 400, body: { code: 'validation_failed' } })
  })

  test('A repeated request under one Idempotency-Key is one approval', async () => {
    const key = { 'idempotency-key': 'one' }
    const first = await requester.client.post(list(), { type: 'approve_ceo_strategy', payload: { plan: 'x' } }, key)
    const again = await requester.client.post(list(), { type: 'approve_ceo_strategy', payload: { plan: 'x' } }, key)
    expect(again.body).toEqual(first.body)
    expect((await board().get(list())).body).toHaveLength(1)
  })

  test('A request for issues passes the write gate of each: the caller’s held issue passes, a colleague’s is refused', async () => {
    const { agent, run, issue } = await fixture.held()
    const [open, done] = [await fixture.issue(), await fixture.issue()]
    const approval = await requestedApproval({ issueIds: [issue.id, open.id, done.id] }, run.client)
    expect((await board().get(`/api/approvals/${approval.id}/issues`)).body.map((row: { id: string }) => row.id).toSorted()).toEqual(
      [issue.id, open.id, done.id].toSorted(),
    )
    const before = await auditCount(server())
    expect(await requestApproval({ issueIds: [open.id, issue.id] })).toMatchObject({ status: 409, body: { code: 'checked_out_by_other' } })
    expect(await requestApproval({ issueIds: [issue.id] }, agent.client)).toMatchObject({ status: 401, body: { code: 'run_required' } })
    expect(await requestApproval({ issueIds: [open.id, MISSING_ID] })).toMatchObject({ status: 422, body: { code: 'unknown_reference' } })
    expect(await auditCount(server())).toBe(before)
    expect((await board().get(list())).body).toHaveLength(1)
  })

  test('A request for issues of several holders locks their runs in one order, whichever issue comes first', async () => {
    const ceo = await fixture.agent({ role: 'ceo' })
    const held = [await fixture.held(), await fixture.held(), await fixture.held(), await fixture.held()]
    const run = await fixture.run(ceo)
    const approval = await requestedApproval({ issueIds: held.map((each) => each.issue.id) }, run.client)
    expect((await board().get(`/api/approvals/${approval.id}/issues`)).body).toHaveLength(4)
  })

  test('A request of a dead run is refused', async () => {
    const run = await fixture.run(requester)
    await expireLease(server(), run.id)
    const before = await auditCount(server())
    const answer = await requester.client.post(list(), { type: 'hire_agent', payload: { name: 'A' } }, { 'x-paperclip-run-id': run.id })
    expect(answer).toMatchObject({ status: 409, body: { code: 'run_ended' } })
    expect(await auditCount(server())).toBe(before)
  })
})

describe('listApprovals and getApproval', () => {
  test('Approvals are listed newest first, by status and in pages', async () => {
    const ids: string[] = []
    for (let count = 0; count < 5; count += 1) ids.unshift((await requestedApproval()).id)
    await board().post(`/api/approvals/${ids[0]}/approve`)
    const first = await board().get(list('?limit=3'))
    const next = nextPagePath(first)
    const second = await board().get(next)
    expect([...first.body, ...second.body].map((row: { id: string }) => row.id)).toEqual(ids)
    const pending = await board().get(list('?status=pending'))
    expect(pending.body.map((row: { id: string }) => row.id)).toEqual(ids.slice(1))
    expect(await board().get(list('?status=nonsense'))).toMatchObject({ status: 400 })
    expect((await requester.client.get(list())).body).toHaveLength(5)
  })

  test('A foreign and a missing approval are the same 404 for another company', async () => {
    const approval = await requestedApproval()
    const elsewhere = await world(server())
    const outsider = await elsewhere.agent({ role: 'ceo' })
    const before = await auditCount(server())
    for (const [method, path, body] of [
      ['get', ''],
      ['get', '/issues'],
      ['get', '/comments'],
      ['post', '/comments', { body: 'x' }],
      ['post', '/resubmit', {}],
    ] as const) {
      const requestApproval = (id: string) =>
        method === 'get' ? outsider.client.get(`/api/approvals/${id}${path}`) : outsider.client.post(`/api/approvals/${id}${path}`, body)
      const [foreign, none] = [await requestApproval(approval.id), await requestApproval(MISSING_ID)]
      expect(foreign).toMatchObject({ status: 404, body: { error: 'Approval not found' } })
      expect({ ...foreign.body, requestId: '' }).toEqual({ ...none.body, requestId: '' })
    }
    expect(await outsider.client.get(list())).toMatchObject({ status: 404 })
    expect(await auditCount(server())).toBe(before)
  })
})

describe('resubmitApproval', () => {
  test('The requester sends an approval again with another payload, and the decision is cleared', async () => {
    const approval = await requestedApproval()
    await board().post(`/api/approvals/${approval.id}/request-revision`, { decisionNote: 'More' })
    const answer = await requester.client.post(`/api/approvals/${approval.id}/resubmit`, { payload: { title: 'May I now?' } })
    expect(answer).toMatchObject({
      status: 200,
      body: { status: 'pending', payload: { title: 'May I now?' }, decisionNote: null, decidedByUserId: null, decidedAt: null },
    })
    expect((await actionsOf(server(), approval.id)).at(-1)).toBe('approval.resubmitted')
    await board().post(`/api/approvals/${approval.id}/request-revision`)
    const unchanged = await board().post(`/api/approvals/${approval.id}/resubmit`)
    expect(unchanged).toMatchObject({ status: 200, body: { payload: { title: 'May I now?' } } })
  })

  test('A resubmission by another agent, or before the approval was sent back, is refused', async () => {
    const approval = await requestedApproval()
    const ceo = await fixture.agent({ role: 'ceo' })
    const before = await auditCount(server())
    expect(await requester.client.post(`/api/approvals/${approval.id}/resubmit`)).toMatchObject({
      status: 422,
      body: { code: 'approval_decided' },
    })
    await board().post(`/api/approvals/${approval.id}/request-revision`)
    expect(await ceo.client.post(`/api/approvals/${approval.id}/resubmit`)).toMatchObject({ status: 403, body: { code: 'not_requester' } })
    const redacted = await requester.client.post(`/api/approvals/${approval.id}/resubmit`, { payload: { apiKey: REDACTED } })
    expect(redacted).toMatchObject({ status: 422, body: { code: 'payload_invalid' } })
    const disguised = await requester.client.post(`/api/approvals/${approval.id}/resubmit`, { payload: { agentConfiguration: {} } })
    expect(disguised).toMatchObject({ status: 422, body: { code: 'payload_invalid' } })
    expect(await auditCount(server())).toBe(before + 2)
  })

  test('A resubmitted hire changes the pending agent, so that the approved agent is the one that was shown', async () => {
    const ceo = await fixture.agent({ role: 'ceo' })
    const hire = { name: 'Ann', adapterConfig: { command: 'good', args: ['x'] } }
    const { agent, approval } = (await ceo.client.post(`/api/companies/${fixture.company.id}/agent-hires`, hire)).body
    await board().post(`/api/approvals/${approval.id}/request-revision`)
    const victim = await fixture.agent()
    const answer = await ceo.client.post(`/api/approvals/${approval.id}/resubmit`, {
      payload: { ...hire, title: 'Engineer', adapterConfig: { command: 'better' }, agentId: victim.id },
    })
    expect(answer.status, answer.text).toBe(200)
    expect(answer.body.payload).toMatchObject({
      agentId: agent.id,
      name: 'Ann',
      title: 'Engineer',
      requestedConfigurationSnapshot: { adapterConfig: { command: 'better' } },
    })
    expect(answer.body.payload.adapterConfig).toEqual({ command: 'better' })
    await board().get(`/api/approvals/${approval.id}`)
    await board().post(`/api/approvals/${approval.id}/approve`)
    expect((await board().get(`/api/agents/${agent.id}`)).body).toMatchObject({
      status: 'idle',
      title: 'Engineer',
      adapterConfig: { command: 'better' },
    })
  })
})

describe('comments of an approval', () => {
  test('Agents and the board can comment on an approval in any status, and comments are listed in order', async () => {
    const approval = await requestedApproval()
    const other = await fixture.agent()
    const first = await other.client.post(`/api/approvals/${approval.id}/comments`, { body: 'One' })
    expect(first).toMatchObject({
      status: 201,
      body: { approvalId: approval.id, authorAgentId: other.id, authorUserId: null, body: 'One' },
    })
    await board().post(`/api/approvals/${approval.id}/approve`)
    const second = await board().post(`/api/approvals/${approval.id}/comments`, { body: 'Two' })
    expect(second.body).toMatchObject({ authorAgentId: null, authorUserId: 'local-board' })
    expect((await requester.client.get(`/api/approvals/${approval.id}/comments`)).body).toEqual([first.body, second.body])
    expect(await lastAudit(server(), approval.id, 'approval.comment_added')).toMatchObject({ details: { commentId: second.body.id } })
    const page = await board().get(`/api/approvals/${approval.id}/comments?limit=1`)
    expect(page.headers['link']).toContain('after=')
  })

  test('An empty comment is refused', async () => {
    const approval = await requestedApproval()
    expect(await board().post(`/api/approvals/${approval.id}/comments`, { body: '' })).toMatchObject({ status: 400 })
  })
})

describe('links between issues and approvals', () => {
  test('A link is made once, read from both ends and removed', async () => {
    const [approval, issue] = [await requestedApproval(), await fixture.issue()]
    const ceo = await fixture.agent({ role: 'ceo' })
    const path = `/api/issues/${issue.identifier}/approvals`
    const linked = await ceo.client.post(path, { approvalId: approval.id })
    expect(linked.status, linked.text).toBe(201)
    expect(linked.body).toEqual([expect.objectContaining({ id: approval.id })])
    const before = await auditCount(server())
    expect((await board().post(path, { approvalId: approval.id })).body).toEqual(linked.body)
    expect(await auditCount(server())).toBe(before)
    expect((await requester.client.get(path)).body).toEqual(linked.body)
    const [seen] = (await requester.client.get(`/api/approvals/${approval.id}/issues`)).body
    expect(seen).toMatchObject({ id: issue.id, identifier: issue.identifier })
    expect(Object.keys(seen)).not.toContain('checkoutRunId')
    expect(await board().del(`${path}/${approval.id}`)).toMatchObject({ status: 200, body: { ok: true } })
    expect(await board().del(`${path}/${approval.id}`)).toMatchObject({ status: 200, body: { ok: true } })
    expect((await requester.client.get(path)).body).toEqual([])
    expect(await actionsOf(server(), issue.id)).toEqual(['issue.created', 'issue.approval_linked', 'issue.approval_unlinked'])
  })

  test('Only a CEO or an agent that may create agents can link an approval, and the link passes the write gate of the issue', async () => {
    const approval = await requestedApproval()
    const { issue, run, agent } = await fixture.held()
    const creator = await fixture.agent({ permissions: { canCreateAgents: true } })
    const before = await auditCount(server())
    const path = `/api/issues/${issue.id}/approvals`
    expect(await run.client.post(path, { approvalId: approval.id })).toMatchObject({ status: 403, body: { code: 'forbidden' } })
    expect(await creator.client.post(path, { approvalId: approval.id })).toMatchObject({
      status: 409,
      body: { code: 'checked_out_by_other' },
    })
    expect(await creator.client.del(`${path}/${approval.id}`)).toMatchObject({ status: 409, body: { code: 'checked_out_by_other' } })
    const stale = await board().post(path, { approvalId: approval.id }, { 'x-paperclip-lock-epoch': '99' })
    expect(stale).toMatchObject({ status: 409, body: { code: 'lock_epoch_mismatch' } })
    expect(await auditCount(server())).toBe(before)
    expect(agent.id).not.toBe(creator.id)
  })

  test('A link to a foreign or missing approval is 404', async () => {
    const other = await world(server())
    const foreign = (await board().post(`/api/companies/${other.company.id}/approvals`, { type: 'request_board_approval', payload: {} }))
      .body
    const issue = await fixture.issue()
    const ceo = await fixture.agent({ role: 'ceo' })
    const before = await auditCount(server())
    for (const approvalId of [foreign.id, MISSING_ID]) {
      expect(await ceo.client.post(`/api/issues/${issue.id}/approvals`, { approvalId })).toMatchObject({ status: 404 })
      expect(await ceo.client.del(`/api/issues/${issue.id}/approvals/${approvalId}`)).toMatchObject({ status: 404 })
    }
    expect(await auditCount(server())).toBe(before)
  })
})
