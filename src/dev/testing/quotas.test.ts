import { describe, expect, test } from 'vitest'
import { noQuotas } from '../../platform/kernel/quotas.ts'
import { countByStatus, race } from './race.ts'
import { useServer, world } from './world.ts'

/** The quotas of agents, over HTTP (I22, threats T5). */

const OPEN_RUNS = 5
const WAKES = 6
const BURST = 60

const server = useServer({
  quotas: {
    agent: { ...noQuotas.agent, openRuns: OPEN_RUNS, wakesPerHour: WAKES },
    company: { ...noQuotas.company, openRuns: OPEN_RUNS + 3, wakesPerHour: WAKES + 4 },
  },
})
const limited = useServer({
  quotas: {
    agent: { ...noQuotas.agent, requestsPerSecond: 1, requestBurst: BURST, bytesPerHour: 50_000 },
    company: noQuotas.company,
  },
})

/** A list in which the items take turns. */
const inTurn = <T>(items: readonly T[], length: number): T[] =>
  Array.from({ length }, (_, at) => items.slice(at % items.length)).flatMap(([item]) => (item === undefined ? [] : [item]))

const count = async (sql: string, values: unknown[]): Promise<number> =>
  (await server().database.sql.query<{ count: number }>(sql, values)).rows[0]?.count ?? 0

describe('open runs', () => {
  test('Of 24 runs that an agent opens at once on two servers exactly its quota is open, and a run that ends makes room', async () => {
    const here = await world(server())
    const agent = await here.agent()
    const peer = await server().startPeer()
    try {
      const clients = [agent.client, peer.bearer(agent.key)]
      const answers = await race(inTurn(clients, 24), (client) => client.post(`/api/agents/${agent.id}/runs`, {}))
      const { 201: accepted, 429: refusals = 0, 503: timeouts = 0, ...others } = countByStatus(answers)
      // On a loaded machine the last of them wait for the row lock of the agent until its timeout.
      expect({ accepted, rest: refusals + timeouts, others }).toEqual({ accepted: OPEN_RUNS, rest: 24 - OPEN_RUNS, others: {} })
      const refused = answers.find(({ status }) => status === 429)
      expect(refused).toMatchObject({
        body: { code: 'quota_exceeded', details: { quota: 'open_runs', scope: 'agent', limit: OPEN_RUNS } },
        headers: { 'retry-after': '10', 'ratelimit-policy': `"open_runs";q=${OPEN_RUNS}`, ratelimit: '"open_runs";r=0;t=10' },
      })
      expect(await count("select count(*)::int as count from heartbeat_runs where agent_id = $1 and status = 'running'", [agent.id])).toBe(
        OPEN_RUNS,
      )
      const opened = answers.find(({ status }) => status === 201)
      await agent.client.post(`/api/heartbeat-runs/${opened?.body.run.id}/finish`, { status: 'succeeded' })
      expect((await agent.client.post(`/api/agents/${agent.id}/runs`, {})).status).toBe(201)
    } finally {
      await peer.stop()
    }
  })

  test('The agents of a company never have more open runs together than the company may have', async () => {
    const here = await world(server())
    const agents = [await here.agent(), await here.agent(), await here.agent()]
    const answers = await race(inTurn(agents, 30), (agent) => agent.client.post(`/api/agents/${agent.id}/runs`, {}))
    expect(countByStatus(answers)).toEqual({ 201: OPEN_RUNS + 3, 429: 30 - OPEN_RUNS - 3 })
  })

  test('The board opens runs beyond the quota of an agent, and a run that the server has queued needs no place', async () => {
    const here = await world(server())
    const agent = await here.agent()
    for (let at = 0; at < OPEN_RUNS; at += 1) expect((await agent.client.post(`/api/agents/${agent.id}/runs`, {})).status).toBe(201)
    expect((await server().board.post(`/api/agents/${agent.id}/runs`, {})).status).toBe(201)
    const { id: issueId } = await here.issue({ assigneeAgentId: agent.id })
    expect((await agent.client.post(`/api/agents/${agent.id}/runs`, {})).status).toBe(429)
    expect((await agent.client.post(`/api/agents/${agent.id}/runs`, { issueId })).status).toBe(201)
  })
})

describe('wakes', () => {
  test('Of 30 concurrent issues that an agent assigns to a peer exactly its quota is created, each with its wake', async () => {
    const here = await world(server())
    const [agent, peer] = [await here.agent(), await here.agent()]
    const answers = await race(Array.from({ length: 30 }), (_, at) =>
      agent.client.post(`/api/companies/${here.company.id}/issues`, { title: `Issue ${at}`, status: 'todo', assigneeAgentId: peer.id }),
    )
    expect(countByStatus(answers)).toEqual({ 201: WAKES, 429: 30 - WAKES })
    expect(answers.find(({ status }) => status === 429)?.body).toMatchObject({
      code: 'quota_exceeded',
      details: { quota: 'wakes', scope: 'agent', limit: WAKES, windowSeconds: 3600 },
    })
    expect(await count('select count(*)::int as count from wakes where requested_by_actor_id = $1', [agent.id])).toBe(WAKES)
    expect(await count('select count(*)::int as count from issues where company_id = $1', [here.company.id])).toBe(WAKES)
    // Work without a wake goes on, and the wakes of an hour ago no longer count.
    expect((await agent.client.post(`/api/companies/${here.company.id}/issues`, { title: 'Without an assignee' })).status).toBe(201)
    await server().database.sql.query("update wakes set created_at = now() - interval '61 minutes' where company_id = $1", [
      here.company.id,
    ])
    const later = await agent.client.post(`/api/companies/${here.company.id}/issues`, {
      title: 'Later',
      status: 'todo',
      assigneeAgentId: peer.id,
    })
    expect(later.status).toBe(201)
  })

  test('An agent that wakes itself beyond the loop bound is skipped each time, and never a 500', async () => {
    const here = await world(server())
    const agent = await here.agent()
    const { id: issueId } = await here.issue({ assigneeAgentId: agent.id })
    await server().database.sql.query("update heartbeat_runs set status = 'cancelled', finished_at = now() where agent_id = $1", [agent.id])
    await server().database.sql.query("update wakes set status = 'cancelled', finished_at = now() where agent_id = $1", [agent.id])
    await server().database.sql.query(
      `insert into wakes (company_id, agent_id, issue_id, source, reason, status, requested_by_actor_type, requested_by_actor_id, finished_at, created_at)
       select company_id, $2::uuid, id, 'automation', 'issue_commented', 'completed', 'agent', 'another', now(), now() - interval '1 minute' from issues, generate_series(1, 20) where id = $1`,
      [issueId, agent.id],
    )
    await server().database.sql.query(
      "update wakes set created_at = now() - interval '2 hours' where agent_id = $1 and requested_by_actor_type = 'user'",
      [agent.id],
    )
    await server().database.sql.query(
      "update wakes set created_at = now() - interval '50 minutes' where agent_id = $1 and requested_by_actor_id = 'another'",
      [agent.id],
    )
    const wake = () => agent.client.post(`/api/agents/${agent.id}/wakeup`, { source: 'on_demand', payload: { issueId } })
    const answers = [await wake(), await wake(), await wake()]
    expect(answers.map(({ status, body }) => [status, body.status])).toEqual(Array.from({ length: 3 }, () => [202, 'skipped']))
  })
})

describe('requests and bytes', () => {
  test('Beyond its burst an agent gets 429 with the headers of the draft, and the board and its peers go on', async () => {
    const here = await world(limited())
    const [agent, peer] = [await here.agent(), await here.agent()]
    const statuses: Record<number, number> = {}
    let last = await agent.client.get('/api/agents/me')
    for (let at = 0; at < BURST + 10; at += 1) {
      last = await agent.client.get('/api/agents/me')
      statuses[last.status] = (statuses[last.status] ?? 0) + 1
    }
    expect(statuses[429]).toBeGreaterThan(0)
    expect(statuses[200]).toBeGreaterThanOrEqual(BURST - 1)
    expect(last).toMatchObject({ status: 429, body: { code: 'quota_exceeded', details: { quota: 'requests', scope: 'agent' } } })
    expect(last.headers).toMatchObject({ 'retry-after': '1', 'ratelimit-policy': `"requests";q=${BURST};w=${BURST}` })
    expect((await peer.client.get('/api/agents/me')).status).toBe(200)
    expect((await limited().board.get(`/api/agents/${agent.id}`)).status).toBe(200)
    expect((await limited().board.get('/metrics')).text).toMatch(/paperclip_quota_refusals_total\{quota="requests",scope="agent"\} [1-9]/)
  })

  test('A body that exceeds the bytes of the hour is refused and changes nothing', async () => {
    const here = await world(limited())
    const agent = await here.agent()
    const { id } = await here.issue()
    const comment = () => agent.client.post(`/api/issues/${id}/comments`, { body: 'x'.repeat(30_000) })
    expect((await comment()).status).toBe(201)
    expect(await comment()).toMatchObject({ status: 429, body: { code: 'quota_exceeded', details: { quota: 'bytes', scope: 'agent' } } })
    const { body } = await agent.client.get(`/api/issues/${id}/comments`)
    expect(body).toHaveLength(1)
  })
})
