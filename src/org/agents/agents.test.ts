import { race } from '../../dev/testing/race.ts'
import { beforeEach, describe, expect, test } from 'vitest'
import { REDACTED } from '../../platform/kernel/redact.ts'
import { actionsOf, auditCount, lastAudit, useServer, world } from '../../dev/testing/world.ts'
import type { TestAgent, World } from '../../dev/testing/world.ts'

const server = useServer()
const MISSING_ID = '00000000-0000-4000-8000-000000000000'

let fixture: World
let ceo: TestAgent
let worker: TestAgent

const configured = {
  adapterConfig: { command: 'sh', env: { KEY: 'hunter2' } },
  runtimeConfig: { heartbeat: { intervalSec: 60 }, apiKey: 'hunter2' },
}

beforeEach(async () => {
  fixture = await world(server())
  ceo = await fixture.agent({ role: 'ceo' })
  worker = await fixture.agent({ ...configured, reportsTo: ceo.id })
})

/** An agent of another company. */
async function agentElsewhere(fields: Record<string, unknown> = {}): Promise<TestAgent> {
  const elsewhere = await world(server())
  return await elsewhere.agent(fields)
}

const board = () => server().board
const inCompany = (path: string) => `/api/companies/${fixture.company.id}/${path}`

describe('GET /companies/:companyId/org', () => {
  test('The tree shows who reports to whom, roots first, without terminated agents', async () => {
    const below = await fixture.agent({ reportsTo: worker.id })
    const terminated = await fixture.agent({ reportsTo: ceo.id })
    const orphan = await fixture.agent({ reportsTo: terminated.id })
    await board().post(`/api/agents/${terminated.id}/terminate`)
    const { body } = await worker.client.get(inCompany('org'))
    const node = (agent: TestAgent, role: string, ...reports: unknown[]) => ({
      id: agent.id,
      name: agent.name,
      role,
      status: 'idle',
      reports,
    })
    expect(body).toEqual([node(ceo, 'ceo', node(worker, 'general', node(below, 'general'))), node(orphan, 'general')])
  })

  test('The list has the agents in the statuses that the request names (K10)', async () => {
    const here = await world(server())
    const [idle, paused] = [await here.agent(), await here.agent()]
    await server().board.post(`/api/agents/${paused.id}/pause`)
    const path = `/api/companies/${here.company.id}/agents`
    const ids = async (query: string) => (await server().board.get(`${path}${query}`)).body.map(({ id }: { id: string }) => id)
    expect(await ids('?status=paused')).toEqual([paused.id])
    expect(await ids('?status=paused,idle')).toEqual([idle.id, paused.id])
    expect((await server().board.get(`${path}?status=asleep`)).status).toBe(400)
  })

  test('An agent of another company gets 404', async () => {
    const outsider = await agentElsewhere()
    expect(await outsider.client.get(inCompany('org'))).toMatchObject({ status: 404, body: { error: 'Company not found' } })
  })
})

describe('PATCH /agents/:id/permissions', () => {
  const set = (canCreateAgents: boolean, canAssignTasks: boolean, client = board()) =>
    client.patch(`/api/agents/${worker.id}/permissions`, { canCreateAgents, canAssignTasks })

  test('Permissions are revoked and granted, and take effect from the next request on', async () => {
    const revoked = await set(false, false)
    expect(revoked).toMatchObject({
      status: 200,
      body: { permissions: { canCreateAgents: false }, access: { canAssignTasks: false, taskAssignSource: 'none', grants: [] } },
    })
    expect(await lastAudit(server(), worker.id, 'agent.permissions_updated')).toMatchObject({
      actorId: 'local-board',
      details: { canCreateAgents: false, canAssignTasks: false },
    })
    const assign = () => worker.client.post(inCompany('issues'), { title: 'x', assigneeAgentId: ceo.id })
    expect(await assign()).toMatchObject({ status: 403, body: { code: 'assign_not_permitted' } })
    expect(await set(false, true, ceo.client)).toMatchObject({ status: 202 })
    const granted = await set(false, true)
    expect(granted.body.access).toMatchObject({ canAssignTasks: true, taskAssignSource: 'explicit_grant' })
    expect(await assign()).toMatchObject({ status: 201 })
    const before = await auditCount(server())
    expect((await set(false, true)).body.access).toMatchObject(granted.body.access)
    expect(await auditCount(server())).toBe(before)
  })

  test('A CEO and an agent creator keep the permission to assign, whatever the request contains', async () => {
    expect((await set(true, false)).body).toMatchObject({
      permissions: { canCreateAgents: true },
      access: { canAssignTasks: true, taskAssignSource: 'agent_creator' },
    })
    expect(await worker.client.get(inCompany('agent-configurations'))).toMatchObject({ status: 200 })
    const { body } = await board().patch(`/api/agents/${ceo.id}/permissions`, { canCreateAgents: false, canAssignTasks: false })
    expect(body.access).toMatchObject({ canAssignTasks: true, taskAssignSource: 'ceo_role' })
  })

  test('Only the board and a CEO ask for other permissions, and not those of a terminated agent', async () => {
    const before = await auditCount(server())
    expect(await set(true, true, worker.client)).toMatchObject({ status: 403, body: { code: 'forbidden' } })
    expect(await board().patch(`/api/agents/${worker.id}/permissions`, { canCreateAgents: true })).toMatchObject({ status: 400 })
    const outsider = await agentElsewhere({ role: 'ceo' })
    const ask = (id: string) => outsider.client.patch(`/api/agents/${id}/permissions`, { canCreateAgents: true, canAssignTasks: true })
    for (const id of [worker.id, MISSING_ID]) expect(await ask(id)).toMatchObject({ status: 404, body: { error: 'Agent not found' } })
    expect(await auditCount(server())).toBe(before + 3)
    await board().post(`/api/agents/${worker.id}/terminate`)
    expect(await set(true, true)).toMatchObject({ status: 409, body: { code: 'agent_terminated' } })
  })
})

describe('agent configurations', () => {
  test('The board, a CEO and agent creators see a configuration, with secrets redacted', async () => {
    const shown = {
      id: worker.id,
      adapterConfig: { command: 'sh', env: { KEY: { type: 'plain', value: REDACTED } } },
      runtimeConfig: { heartbeat: { intervalSec: 60 }, apiKey: REDACTED },
    }
    for (const client of [board(), ceo.client]) {
      const one = await client.get(`/api/agents/${worker.id}/configuration`)
      expect(one).toMatchObject({ status: 200, body: shown })
      const all = await client.get(inCompany('agent-configurations'))
      expect(all.body).toMatchObject([{ id: ceo.id }, shown])
      expect(one.text + all.text).not.toContain('hunter2')
    }
    for (const path of [
      `/api/agents/${worker.id}/configuration`,
      inCompany('agent-configurations'),
      `/api/agents/${worker.id}/config-revisions`,
      `/api/agents/${worker.id}/config-revisions/${MISSING_ID}`,
    ])
      expect(await worker.client.get(path)).toMatchObject({ status: 403, body: { code: 'forbidden' } })
  })

  test('Configurations are listed page by page, and those of another company give 404', async () => {
    const first = await board().get(inCompany('agent-configurations?limit=1'))
    const next = /<([^>]+)>/.exec(first.headers['link'] ?? '')?.[1] ?? ''
    expect([...first.body, ...(await board().get(next)).body].map((row: { id: string }) => row.id)).toEqual([ceo.id, worker.id])
    const outsider = await agentElsewhere({ role: 'ceo' })
    for (const id of [worker.id, MISSING_ID])
      for (const path of ['configuration', 'config-revisions', `config-revisions/${MISSING_ID}`])
        expect(await outsider.client.get(`/api/agents/${id}/${path}`)).toMatchObject({ status: 404 })
  })

  test('Revisions of a configuration are listed newest first, page by page', async () => {
    for (const title of ['a', 'b', 'c']) await board().patch(`/api/agents/${worker.id}`, { title })
    const first = await ceo.client.get(`/api/agents/${worker.id}/config-revisions?limit=2`)
    const next = /<([^>]+)>/.exec(first.headers['link'] ?? '')?.[1] ?? ''
    const titles = [...first.body, ...(await ceo.client.get(next)).body].map((row) => row.afterConfig.title)
    expect(titles).toEqual(['c', 'b', 'a'])
    expect(first.text).not.toContain('hunter2')
  })

  test('Another agent of the company does not see the configuration of an agent', async () => {
    const colleague = await fixture.agent()
    for (const path of [`/api/agents/${worker.id}`, inCompany('agents')])
      expect((await colleague.client.get(path)).text).not.toMatch(/hunter2|"command"/)
    expect((await worker.client.get('/api/agents/me')).body.adapterConfig.command).toBe('sh')
  })
})

describe('runtime state of an agent', () => {
  test('The board reads the last run of an agent and the usage of its runs', async () => {
    const run = await fixture.run(worker)
    const usageJson = { inputTokens: 10, outputTokens: 2, cachedInputTokens: 'many' }
    await run.client.post(`/api/heartbeat-runs/${run.id}/finish`, { status: 'failed', error: 'broke', usageJson })
    const { body, status } = await board().get(`/api/agents/${worker.id}/runtime-state`)
    expect(status).toBe(200)
    expect(body).toMatchObject({
      agentId: worker.id,
      lastRunId: run.id,
      lastRunStatus: 'failed',
      lastError: 'broke',
      totalInputTokens: 10,
      totalOutputTokens: 2,
      totalCachedInputTokens: 0,
    })
    expect((await board().get(`/api/agents/${ceo.id}/runtime-state`)).body).toMatchObject({ lastRunId: null, lastRunStatus: null })
    expect((await board().get(`/api/agents/${worker.id}/task-sessions`)).body).toEqual([])
    for (const path of ['runtime-state', 'task-sessions']) {
      expect(await ceo.client.get(`/api/agents/${worker.id}/${path}`)).toMatchObject({
        status: 403,
        body: { error: 'Board access required' },
      })
      expect(await board().get(`/api/agents/${MISSING_ID}/${path}`)).toMatchObject({ status: 404, body: { error: 'Agent not found' } })
    }
  })
})

describe('GET /agents/me/inbox/mine', () => {
  test('An agent reads the inbox of a person: the issues that the person touched, without cancelled ones', async () => {
    const [openIssue, cancelled] = [await fixture.issue(), await fixture.issue({ status: 'todo' })]
    await board().patch(`/api/issues/${cancelled.id}`, { status: 'cancelled' })
    const mine = await worker.client.get('/api/agents/me/inbox/mine?userId=local-board')
    expect(mine.body.map((row: { id: string }) => row.id)).toEqual([openIssue.id])
    const all = await worker.client.get('/api/agents/me/inbox/mine?userId=local-board&status=cancelled')
    expect(all.body.map((row: { id: string }) => row.id)).toEqual([cancelled.id])
    expect((await worker.client.get('/api/agents/me/inbox/mine?userId=stranger')).body).toEqual([])
    const outsider = await agentElsewhere()
    expect((await outsider.client.get('/api/agents/me/inbox/mine?userId=local-board')).body).toEqual([])
    expect(await worker.client.get('/api/agents/me/inbox/mine')).toMatchObject({ status: 400 })
    expect(await worker.client.get('/api/agents/me/inbox/mine?userId=x&status=nonsense')).toMatchObject({ status: 400 })
    expect(await board().get('/api/agents/me/inbox/mine?userId=local-board')).toMatchObject({
      status: 401,
      body: { error: 'Agent authentication required' },
    })
  })
})

describe('agents and adapters of a company', () => {
  test('The list of models is empty and no model is detected', async () => {
    expect(await worker.client.get(inCompany('adapters/claude_local/models'))).toMatchObject({ status: 200, body: [] })
    expect(await worker.client.get(inCompany('adapters/claude_local/detect-model'))).toMatchObject({ status: 200, body: null })
  })

  test('A new agent gets a free name and is a member that may assign work', async () => {
    const one = await board().post(inCompany('agents'), { name: 'Twin' })
    const two = await board().post(inCompany('agents'), { name: 'Twin' })
    expect([one.body.name, two.body.name]).toEqual(['Twin', 'Twin 2'])
    expect(await actionsOf(server(), two.body.id)).toEqual(['agent.created'])
    const before = await auditCount(server())
    expect(await ceo.client.post(inCompany('agents'), { name: 'X' })).toMatchObject({
      status: 403,
      body: { error: 'Board access required' },
    })
    expect(await board().post(inCompany('agents'), { name: '' })).toMatchObject({ status: 400 })
    expect(await auditCount(server())).toBe(before)
  })
})

test('A terminated manager in the chain of command is marked (K59)', async () => {
  const here = await world(server())
  const top = await here.agent({ role: 'ceo' })
  const manager = await here.agent({ reportsTo: top.id })
  const worker = await here.agent({ reportsTo: manager.id })
  await server().board.post(`/api/agents/${manager.id}/terminate`)
  expect((await server().board.get(`/api/agents/${worker.id}`)).body.chainOfCommand).toMatchObject([
    { id: manager.id, status: 'terminated' },
    { id: top.id, status: 'idle' },
  ])
})

describe('names (K23)', () => {
  test('Agents whose names differ only outside a-z keep them, and each has a short name of its own', async () => {
    const here = await world(server())
    const agents = `/api/companies/${here.company.id}/agents`
    const names = ['Ünal', 'Önal', 'ünal Bot', '李', '王', 'Иван', 'Team 🚀', 'Team 🛸']
    const made = await race(names, (name) => server().board.post(agents, { name }))
    expect(made.map(({ body }) => body.name)).toEqual(names)
    const urlKeys = made.map(({ body }) => body.urlKey as string)
    expect(new Set(urlKeys).size).toBe(names.length)
    for (const { body } of made)
      expect(await server().board.get(`/api/agents/${body.urlKey}?companyId=${here.company.id}`)).toMatchObject({
        status: 200,
        body: { id: body.id },
      })
    expect(made[0]?.body.urlKey).toMatch(/^nal(-2)?$/)
    const renamed = await server().board.patch(`/api/agents/${made[2]?.body.id}`, { name: 'Änal' })
    expect(renamed).toMatchObject({ status: 200, body: { name: 'Änal', urlKey: 'nal-3' } })
  })

  test('Names that look the same are one name: hidden characters, full-width letters and case make no second agent', async () => {
    const here = await world(server())
    const agents = `/api/companies/${here.company.id}/agents`
    await server().board.post(agents, { name: 'Reviewer' })
    const alike = [
      'reviewer',
      'Re\u200bviewer',
      'Ｒｅｖｉｅｗｅｒ',
      'Reviewer\u2060',
      'Rev\u00adiewer',
      '\u{e0001}Reviewer',
      'REVIEWER\ufe0f',
    ]
    for (const [index, name] of alike.entries())
      expect((await server().board.post(agents, { name })).body.name, name).toBe(`${name.trim()} ${index + 2}`)
    const other = (await server().board.post(agents, { name: 'Other' })).body
    for (const name of alike)
      expect(await server().board.patch(`/api/agents/${other.id}`, { name }), name).toMatchObject({
        status: 409,
        body: { code: 'name_taken' },
      })
    expect(await server().board.post(agents, { name: '\u200b\u2060' })).toMatchObject({ status: 400, body: { code: 'validation_failed' } })
  })
})
