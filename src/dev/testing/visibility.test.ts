import { once } from 'node:events'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { declaredRoutes, routeName } from './declaredRoutes.ts'
import { follow } from './follower.ts'
import { waitUntil } from './holds.ts'
import { insertQueuedRuns, useRunner } from './runner.ts'
import { useServer, world } from './world.ts'
import type { Answer, Client, TestAgent, World } from './world.ts'

const server = useServer()
const CANARY = 'canary-7f3a'

let fixture: World
let target: TestAgent
let ids: Readonly<Record<string, string>>

const board = () => server().board
const inCompany = (path: string) => `/api/companies/${fixture.company.id}/${path}`

/** A canary in every field that says how an agent is run. */
const settings = (word: string) => ({
  adapterConfig: {
    command: process.execPath,
    args: ['-e', `process.exitCode = 0 // ${word}-args`],
    env: { SOME_NAME: `${word}-env`, [`${word}_NAME`.replaceAll('-', '_')]: { type: 'plain', value: 'x' } },
    promptTemplate: `${word}-prompt`,
    bootstrapPromptTemplate: `${word}-bootstrap`,
    instructionsFilePath: `/${word}-instructions`,
    headers: { 'X-Some': `${word}-header` },
    url: `https://${word}-url.example`,
  },
  runtimeConfig: { note: `${word}-runtime`, heartbeat: { enabled: true } },
  metadata: { tracker: { url: 'https://tracker.example', apiKey: `${word}-secret` } },
})

beforeEach(async () => {
  fixture = await world(server())
  target = await fixture.agent(settings(CANARY))
  const [runId = ''] = await insertQueuedRuns(server(), fixture.company.id, target.id, 1)
  useRunner(server())
  await waitUntil('the run has ended', async () => (await board().get(`/api/heartbeat-runs/${runId}`)).body.status === 'succeeded')
  const issue = await fixture.issue({ assigneeAgentId: target.id })
  await server().database.sql.query(`update heartbeat_runs set context_snapshot = $2, issue_id = $3 where id = $1`, [
    runId,
    JSON.stringify({ adapterConfig: { command: `${CANARY}-snapshot` } }),
    issue.id,
  ])
  const { approval } = (await target.client.patch(`/api/agents/${target.id}`, settings(`${CANARY}-proposed`))).body
  const ceo = await fixture.agent({ role: 'ceo' })
  const hired = await ceo.client.post(inCompany('agent-hires'), { name: 'Ann', ...settings(`${CANARY}-hire`), sourceIssueId: issue.id })
  expect(hired.status, hired.text).toBe(201)
  const free = { type: 'hire_agent', payload: { name: 'Bob', ...settings(`${CANARY}-free`) } }
  expect(await target.client.post(inCompany('approvals'), free)).toMatchObject({ status: 201 })
  await board().patch(`/api/agents/${target.id}`, { adapterConfig: { timeoutSec: 99 } })
  const [revision] = (await board().get(`/api/agents/${target.id}/config-revisions`)).body
  ids = {
    companyId: fixture.company.id,
    runId,
    revisionId: revision.id,
    issueId: issue.id,
    agent: target.id,
    hired: hired.body.agent.id,
    approval: approval.id,
    hire: hired.body.approval.id,
  }
})

/** The paths of a declared GET route, with the ids of this world. */
function pathsOf(path: string): string[] {
  const own = path.startsWith('/api/agents/') ? ['agent', 'hired'] : path.startsWith('/api/approvals/') ? ['approval', 'hire'] : ['issueId']
  return own.map((key) => path.replaceAll(/:(\w+)/g, (_, name: string) => ids[name === 'id' ? key : name] ?? ids['issueId'] ?? ''))
}

const readable = declaredRoutes().filter(({ method, streams }) => method === 'get' && streams !== 'events')
const textOf = (answer: Answer): string => answer.text ?? String(answer.body)

/** Every answer of every GET route, and of the exports, that contains the canary. */
async function leaksTo(client: Client): Promise<string[]> {
  const leaks: string[] = []
  for (const route of readable)
    for (const path of pathsOf(route.path)) if (textOf(await client.get(path)).includes(CANARY)) leaks.push(routeName(route))
  const everything = { include: { company: true, agents: true, projects: true, issues: true } }
  for (const path of [inCompany('export'), inCompany('exports'), inCompany('exports/preview')])
    if (textOf(await client.post(path, everything)).includes(CANARY)) leaks.push(`POST ${path.replace(fixture.company.id, ':companyId')}`)
  return [...new Set(leaks)].toSorted()
}

describe('the settings of an agent', () => {
  test('No GET route and no export shows them to a peer, to another company, or to a CEO that does not create agents', async () => {
    const peer = await fixture.agent()
    expect(await leaksTo(peer.client)).toEqual([])
    expect(await leaksTo((await fixture.run(peer)).client)).toEqual([])
    const chief = await fixture.agent({ role: 'ceo', permissions: { canCreateAgents: false } })
    expect(await leaksTo(chief.client)).toEqual([])
    const outsider = await (await world(server())).agent({ role: 'ceo' })
    expect(await leaksTo(outsider.client)).toEqual([])
  })

  test('The board sees them where it decides and where it looks for the cause of a fault', async () => {
    const leaks = await leaksTo(board())
    for (const expected of [
      'GET /api/agents/:id',
      'GET /api/agents/:id/configuration',
      'GET /api/approvals/:id',
      'GET /api/companies/:companyId/agents',
      'GET /api/companies/:companyId/approvals',
      'GET /api/heartbeat-runs/:runId/events',
      'GET /api/issues/:id/approvals',
      'POST /api/companies/:companyId/export',
    ])
      expect(leaks).toContain(expected)
  })

  test('The agent itself sees its own, and an agent that creates agents sees no value of an environment and no secret (K19)', async () => {
    expect((await target.client.get(`/api/agents/${target.id}`)).text).toContain(`${CANARY}-env`)
    expect((await target.client.get(`/api/heartbeat-runs/${ids['runId']}/events`)).text).toContain(`${CANARY}-args`)
    const creator = await fixture.agent({ permissions: { canCreateAgents: true } })
    for (const route of readable)
      for (const path of pathsOf(route.path)) expect(textOf(await creator.client.get(path)), path).not.toMatch(/canary-7f3a-(?:env|secret)/)
  })

  test('The reason of a failed start names the program and no folder to a peer: in runs, comments, audit and lists (T8)', async () => {
    const command = `/opt/${CANARY}/tools/nodee`
    const failing = await fixture.agent({ adapterType: 'process', adapterConfig: { command, args: [`${CANARY}-args`] } })
    const issue = await fixture.issue({ assigneeAgentId: failing.id })
    await waitUntil('the agent is in error', async () => (await board().get(`/api/agents/${failing.id}`)).body.status === 'error')
    const [run] = (await board().get(inCompany(`heartbeat-runs?agentId=${failing.id}`))).body
    expect(run).toMatchObject({ status: 'failed', error: expect.stringContaining(command) as string })
    const peer = await fixture.agent()
    ids = { ...ids, runId: run.id, issueId: issue.id, agent: failing.id }
    expect(await leaksTo(peer.client)).toEqual([])
    expect((await peer.client.get(`/api/heartbeat-runs/${run.id}`)).body.error).toContain('…/nodee')
    const [comment] = (await peer.client.get(`/api/issues/${issue.id}/comments`)).body
    expect(comment.body).toContain('…/nodee')
    const stream = await follow(server().url, inCompany('events/stream?after=0'), peer.client.headers)
    onTestFinished(() => stream.disconnect())
    const last = await fixture.issue({ title: 'The last event' })
    await stream.waitFor((message) => JSON.stringify(message.data).includes(last.id))
    expect(stream.lines.join('\n')).not.toContain(CANARY)
    expect((await failing.client.get(`/api/heartbeat-runs/${run.id}`)).body.error).toContain(command)
  })

  test('The event stream and the WebSocket show them to no peer', async () => {
    const peer = await fixture.agent()
    const received: string[] = []
    const socket = new WebSocket(`${server().url.replace('http', 'ws')}${inCompany('events/ws')}`, { headers: peer.client.headers })
    socket.on('message', (data: Buffer) => received.push(data.toString('utf8')))
    onTestFinished(() => socket.terminate())
    await once(socket, 'open')
    const stream = await follow(server().url, inCompany('events/stream?after=0'), peer.client.headers)
    onTestFinished(() => stream.disconnect())
    const marker = `${CANARY}-later`
    await target.client.patch(`/api/agents/${target.id}`, settings(marker))
    await board().patch(`/api/agents/${target.id}`, settings(marker))
    await board().post(`/api/approvals/${ids['hire']}/approve`)
    const last = await fixture.issue({ title: 'The last event' })
    const isLast = (text: string): boolean => text.includes(last.id)
    await stream.waitFor((message) => isLast(JSON.stringify(message.data)))
    await waitUntil('the socket has the last event', async () => received.some(isLast))
    expect(stream.lines.join('\n')).not.toContain(CANARY)
    expect(received.join('\n')).not.toContain(CANARY)
  })
})
