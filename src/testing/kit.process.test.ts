import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestServer } from './index.ts'
import type { TestAgent, TestIssue, TestRun, TestServer } from './index.ts'
import './vitest.ts'

let server: TestServer
beforeAll(async () => {
  server = await createTestServer()
})
afterAll(() => server.close())

const MINUTE_MS = 60_000
const CHECKOUT = 'POST /api/issues/:id/checkout'

const takeIssue = (run: TestRun, issue: TestIssue) =>
  server.as(run).post(`/api/issues/${issue.id}/checkout`, { agentId: run.agentId, expectedStatuses: ['todo', 'in_progress'] })

/** A run that holds an issue. */
async function held(): Promise<{ agent: TestAgent; run: TestRun; issue: TestIssue }> {
  const agent = await server.agent()
  const [issue, run] = await Promise.all([server.issue(), server.run({ agent })])
  expect((await takeIssue(run, issue)).status).toBe(200)
  return { agent, run, issue }
}

test('A second server has an address and a database of its own, and is gone when it is closed', async () => {
  const other = await createTestServer()
  const company = await other.company({ name: 'Elsewhere' })
  expect((await other.board.get(`/api/companies/${company.id}`)).body.name).toBe('Elsewhere')
  expect((await server.board.get(`/api/companies/${company.id}`)).status).toBe(404)
  await other.close()
  await expect(other.board.get('/api/health')).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  await expect(other.clock.now()).rejects.toThrow('This server was closed')
})

test('The clients of the board, an agent, a run and no party have the rights of each', async () => {
  const agent = await server.agent()
  const run = await server.run({ agent })
  expect((await server.board.get('/api/companies')).status).toBe(200)
  expect((await server.as(agent).get('/api/agents/me')).body.id).toBe(agent.id)
  expect((await server.as(run).post(`/api/heartbeat-runs/${run.id}/heartbeat`)).status).toBe(200)
  expect((await server.anonymous.get('/api/companies')).status).toBe(401)
})

test('The typed client of a party has its rights, and the matchers know what it answers', async () => {
  const { run, issue } = await held()
  const { api } = server.as(run)
  const { data, response } = await api.GET('/api/issues/{id}', { params: { path: { id: issue.id } } })
  expect(response.status).toBe(200)
  expect(data).toMatchObject({ id: issue.id, title: issue.title })
  await expect(data).toBeHeldBy(run)
  const commented = await api.POST('/api/issues/{id}/comments', { params: { path: { id: issue.id } }, body: { body: 'Ünder way' } })
  expect(commented.data).toMatchObject({ body: 'Ünder way' })
  const refused = await server.anonymous.api.GET('/api/companies', {})
  expect([refused.response.status, refused.data]).toEqual([401, undefined])
  expect(refused.error).toMatchObject({ code: expect.any(String) })
  const heartbeat = await api.POST('/api/heartbeat-runs/{runId}/heartbeat', { params: { path: { runId: run.id } } })
  expect(heartbeat.response.ok).toBe(true)
})

test('The matchers find the holder and the audit row, and their messages say what is there', async () => {
  const { agent, run, issue } = await held()
  await expect(issue).toBeHeldBy(run)
  await expect(issue).toBeHeldBy(agent)
  await expect(issue).toHaveAudit('issue.checked_out', { agentId: agent.id, runId: run.id, details: { runId: run.id } })
  await expect(issue).not.toHaveAudit('issue.checked_out', { details: { runId: 'another' } })
  const { body } = await server.board.get(`/api/issues/${issue.id}`)
  await expect(body).toBeHeldBy(run)
  await expect(server.assertHeldBy(issue, null)).rejects.toThrow(`names the run ${run.id} of the agent ${agent.id}, which is live`)
  await expect(server.assertAudit(issue, 'issue.released')).rejects.toThrow(
    /is missing; the rows are\n {2}issue\.created.*\n {2}issue\.checked_out/,
  )
  await expect(expect({ id: issue.id }).toBeHeldBy(run)).rejects.toThrow('This value came from no test server')
})

test('An hour on the clock ends a run without heartbeats, frees its issue, and leaves no orphan', async () => {
  const { run, issue } = await held()
  const before = Date.parse(await server.clock.now())
  const after = Date.parse(await server.clock.advance(60 * MINUTE_MS))
  expect(after - before).toBeGreaterThanOrEqual(60 * MINUTE_MS)
  await expect(issue).toBeHeldBy(null)
  await server.assertNoOrphanHolds()
  await expect(run).toHaveAudit('heartbeat.run_finished')
  await expect(server.clock.advance(-1)).rejects.toThrow('The clock moves forward only')
})

test('A run that does requests between two moves of the clock keeps its lease', async () => {
  const { run, issue } = await held()
  for (let count = 0; count < 4; count += 1) {
    await server.clock.advance(2 * MINUTE_MS)
    expect((await server.as(run).get(`/api/issues/${issue.id}`)).status).toBe(200)
  }
  await expect(issue).toBeHeldBy(run)
})

test('A timer of ten minutes wakes its agent again each time that the clock moves by eleven', async () => {
  const agent = await server.agent({ runtimeConfig: { heartbeat: { enabled: true, intervalSec: 600 } } })
  const rings: string[] = []
  for (let count = 0; count < 6; count += 1) {
    // An interval of a timer is up to a twentieth longer.
    await server.clock.advance(11 * MINUTE_MS)
    const { payload, createdAt } = await server.events.until(
      (event) =>
        event.payload.action === 'heartbeat.invoked' && event.payload.details.agentId === agent.id && !rings.includes(event.createdAt),
    )
    rings.push(createdAt)
    await server.board.post(`/api/heartbeat-runs/${payload.runId}/cancel`)
  }
  expect(rings.length).toBe(6)
})

test('A command of a timer is run by the server when the clock has come so far', async () => {
  const agent = await server.agent({
    adapterType: 'process',
    adapterConfig: { command: process.execPath, args: ['-e', ''] },
    runtimeConfig: { heartbeat: { enabled: true, intervalSec: 3600 } },
  })
  await server.clock.advance(64 * MINUTE_MS)
  const { payload } = await server.events.until(
    (event) => event.payload.action === 'heartbeat.invoked' && event.payload.details.agentId === agent.id,
  )
  await server.assertAudit(payload.runId, 'heartbeat.run_finished', { within: 45_000 })
})

test('A server that is killed is back at its address, with what was committed, and the run goes on', async () => {
  const { run, issue } = await held()
  await server.kill()
  await expect(issue).toBeHeldBy(run)
  expect((await server.as(run).post(`/api/issues/${issue.id}/release`)).status).toBe(200)
  await expect(issue).toBeHeldBy(null)
})

test('A kill cuts a request that is under way, and an event is still found afterwards', async () => {
  const { issue } = await held()
  const waiting = server.events.until(({ payload }) => payload.action === 'issue.commented_never', { timeout: 1500 })
  await server.kill()
  await expect(waiting).rejects.toThrow(/No event satisfied the predicate within 1500 ms; \d+ came/)
  await server.board.post(`/api/issues/${issue.id}/comments`, { body: 'after the kill' })
  const event = await server.events.until(({ payload }) => payload.action === 'issue.comment_added' && payload.entityId === issue.id)
  expect(event.companyId).toBe(issue.companyId)
})

test('A server dies between every two points of a checkout, and its successor gives the issue to the run exactly once', async () => {
  const agent = await server.agent()
  const run = await server.run({ agent })
  const points = await server.pointsOf(async () => await takeIssue(run, await server.issue()), { of: CHECKOUT })
  expect(points.at(0)).toBe('request')
  expect(points.slice(-2)).toEqual(['commit', 'answer'])
  expect(points.length).toBeGreaterThan(4)
  for (const [at, first] of points.slice(0, -1).entries()) {
    const issue = await server.issue()
    const second = points[at + 1] ?? ''
    const crash = await server.crashBetween(first, second, { of: CHECKOUT })
    await expect(takeIssue(run, issue), `${first} ${second}`).rejects.toMatchObject({ code: 'ECONNRESET' })
    await crash.happened
    if (first === 'commit') await expect(issue).toBeHeldBy(run)
    else await expect(issue).toBeHeldBy(null)
    expect((await takeIssue(run, issue)).status, `${first} ${second}`).toBe(200)
    await expect(issue).toBeHeldBy(run)
  }
  await server.assertNoOrphanHolds()
})

test('A crash that is disarmed does not happen', async () => {
  const run = await server.run()
  const crash = await server.crashBetween('commit', 'answer', { of: CHECKOUT })
  await crash.disarm()
  expect((await takeIssue(run, await server.issue())).status).toBe(200)
})

test('Heartbeats that are dropped renew nothing and are counted, and other requests of the run arrive', async () => {
  const { run, issue } = await held()
  const heartbeat = () => server.as(run).post(`/api/heartbeat-runs/${run.id}/heartbeat`)
  const heartbeats = await server.dropHeartbeats(run)
  await expect(heartbeat()).rejects.toMatchObject({ code: 'ECONNRESET' })
  expect((await server.as(run).get(`/api/issues/${issue.id}`)).status).toBe(200)
  expect(await heartbeats.stop()).toBe(1)
  expect((await heartbeat()).status).toBe(200)
})

test('Settings are those of the program, and the ones that the kit sets itself are refused by name', async () => {
  const strict = await createTestServer({ settings: { PAPERCLIP_AGENT_OPEN_RUNS: '1' } })
  const agent = await strict.agent()
  await strict.run({ agent })
  await expect(strict.run({ agent })).rejects.toThrow('was answered with 429')
  await strict.close()
  await expect(createTestServer({ settings: { PAPERCLIP_MAX_RUNS: 'many' } })).rejects.toThrow('PAPERCLIP_MAX_RUNS')
  await expect(createTestServer({ settings: { DATABASE_URL: 'postgres://elsewhere', PORT: '80' } })).rejects.toThrow(
    'The test kit sets these itself: DATABASE_URL, PORT',
  )
})
