import { describe, expect, test } from 'vitest'
import { sql } from 'drizzle-orm'
import { mutate, unchanged } from '../../platform/db/mutate.ts'
import { statement } from '../../platform/db/statement.ts'
import { createStore } from '../../platform/db/store.ts'
import { reap } from '../../scheduler/reap.ts'
import { follow } from '../../dev/testing/follower.ts'
import { waitUntil } from '../../dev/testing/holds.ts'
import { captureLog } from '../../dev/testing/captureLog.ts'
import { expireLease, lastAudit, useServer, world } from '../../dev/testing/world.ts'
import { createTraffic } from '../../http/traffic.ts'
import { createMetrics } from './metrics.ts'

const TOKEN = 'a-token-for-scrapers'
const lines = captureLog()
const open = useServer({ log: lines.log })
const alone = useServer()
const guarded = useServer({ metricsToken: TOKEN })

/** Returns the value of a sample, or undefined when the page does not have it. */
function sampleIn(text: string, name: string, labels: Readonly<Record<string, string>> = {}): number | undefined {
  const found = text.split('\n').find((line) => {
    const [, sample, labelText = ''] = /^(\w+)(?:\{(.*)\})? /.exec(line) ?? []
    return sample === name && Object.entries(labels).every(([label, value]) => labelText.includes(`${label}="${value}"`))
  })
  return found === undefined ? undefined : Number(found.slice(found.lastIndexOf(' ') + 1))
}

/** The server itself acts. */
const requestless = { actor: { kind: 'system', task: 'test' }, requestId: null, idempotency: null } as const
const deadlock = statement<object, never>('test_metrics_deadlock').read(sql`do $$ begin raise exception sqlstate '40P01'; end $$`)

const proxied = { 'x-forwarded-for': '203.0.113.7' }
const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

describe('access to the metrics', () => {
  test('Without a configured token every client on this machine may read them, and no client elsewhere', async () => {
    const page = await open().board.get('/metrics')
    expect(page.status).toBe(200)
    expect(page.headers).toMatchObject({ 'content-type': expect.stringContaining('text/plain'), 'cache-control': 'no-store' })
    expect(await open().board.get('/metrics', proxied)).toMatchObject({ status: 404, body: { code: 'route_not_found' } })
    expect(await open().board.get('/metrics', { host: 'evil.example' })).toMatchObject({ status: 403, body: { code: 'host_not_allowed' } })
    expect(await open().board.get('/metrics', { origin: 'https://evil.example' })).toMatchObject({ status: 403 })
    expect(await open().board.post('/metrics', {})).toMatchObject({ status: 405 })
    expect(await open().board.get('/metrics/more')).toMatchObject({ status: 404 })
  })

  test('A client elsewhere needs the token, and a wrong token is answered with 401, on this machine too (I16)', async () => {
    expect(await guarded().board.get('/metrics', proxied)).toMatchObject({ status: 401 })
    expect(await guarded().board.get('/metrics', { ...proxied, ...bearer(TOKEN) })).toMatchObject({ status: 200 })
    expect(await guarded().board.get('/metrics')).toMatchObject({ status: 200 })
    const { agent } = await world(guarded())
    for (const wrong of ['x', `${TOKEN}x`, (await agent()).key])
      expect(await guarded().board.get('/metrics', bearer(wrong))).toMatchObject({ status: 401, body: { code: 'unauthorized' } })
    expect(await open().board.get('/metrics', bearer(TOKEN))).toMatchObject({ status: 401 })
  })
})

describe('the metrics', () => {
  test('Requests are counted by method, template of the path and status, and unknown paths and methods share one label (K46)', async () => {
    const before = (await open().board.get('/metrics')).text
    await open().board.get('/api/health')
    for (let at = 0; at < 5; at += 1) await open().board.get(`/api/nothing/${at}`)
    const { text } = await open().board.get('/metrics')
    const requests = (of: string, route: string, status: string) =>
      sampleIn(of, 'paperclip_http_requests_total', { method: 'GET', route, status }) ?? 0
    expect(requests(text, '/api/health', '200') - requests(before, '/api/health', '200')).toBe(1)
    expect(requests(text, 'none', '404') - requests(before, 'none', '404')).toBe(5)
    expect(text).not.toContain('nothing')
    await fetch(`${open().url}/api/health`, { method: 'PROPFIND' })
    expect(sampleIn((await open().board.get('/metrics')).text, 'paperclip_http_requests_total', { method: 'other' })).toBe(1)
    expect(sampleIn(text, 'paperclip_http_request_duration_seconds_count', { method: 'GET', route: '/api/health' })).toBeGreaterThan(0)
    expect(sampleIn(text, 'process_cpu_seconds_total')).toBeGreaterThan(0)
    expect(sampleIn(text, 'paperclip_build_info', { version: 'test' })).toBe(1)
  })

  test('The page shows holds, queues, runs, lags and pools as they are, and counts the runs that ended', async () => {
    const { held: heldIssue, run, agent, issue, company } = await world(open())
    const [liveHold, deadHold] = [await heldIssue(), await heldIssue()]
    await expireLease(open(), deadHold.run.id)
    await issue({ assigneeAgentId: (await agent({ adapterConfig: { command: '/bin/true' } })).id })
    await open().board.post(`/api/issues/${liveHold.issue.id}/comments`, { body: 'When you have time' })
    const expired = await run(await agent())
    await expireLease(open(), expired.id)
    const reader = await follow(open().url, `/api/companies/${company.id}/events/stream`)
    const metrics = createMetrics({
      store: open().store,
      version: 'test',
      traffic: createTraffic(),
      openStreams: open().feed.connectionLimits.openCount,
      cacheTtlMs: 0,
    })
    const { text } = await metrics.page()
    const expectedSamples = (name: string, labels: Readonly<Record<string, string>> = {}) => sampleIn(text, `paperclip_${name}`, labels)
    expect({
      up: expectedSamples('database_up'),
      live: expectedSamples('holds', { state: 'live' }),
      dead: expectedSamples('holds', { state: 'dead' }),
      queued: expectedSamples('queue_depth', { queue: 'runs' }),
      wakes: expectedSamples('queue_depth', { queue: 'wakes' }),
      deferred: expectedSamples('queue_depth', { queue: 'deferred_wakes' }),
      running: expectedSamples('runs', { status: 'running' }),
      followers: expectedSamples('followers'),
    }).toEqual({ up: 1, live: 1, dead: 1, queued: 1, wakes: 1, deferred: 1, running: 3, followers: 1 })
    expect(expectedSamples('queue_oldest_seconds', { queue: 'runs' })).toBeGreaterThan(0)
    // No server seals here, and no older transaction is open.
    expect(expectedSamples('lag_seconds', { of: 'seals' })).toBeGreaterThan(0)
    expect(expectedSamples('lag_seconds', { of: 'events' })).toBeGreaterThanOrEqual(0)
    for (const pool of ['read', 'write']) {
      expect(expectedSamples('pool_connections', { pool, state: 'size' })).toBeGreaterThan(0)
      expect(expectedSamples('pool_connections', { pool, state: 'idle' })).toBeGreaterThanOrEqual(0)
      expect(expectedSamples('pool_connections', { pool, state: 'waiting' })).toBe(0)
    }
    await reap(open().store)
    await liveHold.run.client.post(`/api/heartbeat-runs/${liveHold.run.id}/finish`, { status: 'succeeded' })
    const after = (await metrics.page()).text
    expect(sampleIn(after, 'paperclip_runs_reaped_total')).toBe(2)
    expect(sampleIn(after, 'paperclip_runs_finished_total', { status: 'timed_out' })).toBe(2)
    expect(sampleIn(after, 'paperclip_runs_finished_total', { status: 'succeeded' })).toBe(1)
    expect(sampleIn(after, 'paperclip_holds', { state: 'live' })).toBe(0)
    reader.disconnect()
  })

  test('Wakes that led to no run are counted by reason, whether they were refused or closed', async () => {
    const { held: heldIssue, agent, issue } = await world(open())
    const metrics = createMetrics({ store: open().store, version: 'test', traffic: createTraffic(), openStreams: () => 0 })
    const skipped = async (reason: string) => sampleIn((await metrics.page()).text, 'paperclip_wakes_skipped_total', { reason })
    const reasons = ['wake_on_demand_off', 'agent_not_invokable', 'over_budget', 'timer_off', 'loop_bound'] as const
    const before = new Map<string, number>()
    for (const reason of reasons) before.set(reason, (await skipped(reason)) ?? Number.NaN)
    const more = async (reason: (typeof reasons)[number]) => ((await skipped(reason)) ?? Number.NaN) - (before.get(reason) ?? 0)

    const unresponsive = await agent({ runtimeConfig: { heartbeat: { wakeOnDemand: false } } })
    await issue({ assigneeAgentId: unresponsive.id })
    await open().board.post(`/api/agents/${unresponsive.id}/wakeup`)
    const paused = await agent()
    const { id } = await issue({ status: 'backlog', assigneeAgentId: paused.id })
    await open().board.post(`/api/agents/${paused.id}/pause`)
    await open().board.post(`/api/issues/${id}/comments`, { body: 'Are you there?' })
    expect([await more('wake_on_demand_off'), await more('agent_not_invokable'), await more('over_budget')]).toEqual([2, 1, 0])
    expect([await more('timer_off'), await more('loop_bound')]).toEqual([0, 0])

    const { issue: taken, run } = await heldIssue()
    const other = await agent()
    await open().board.post(`/api/agents/${other.id}/wakeup`, { payload: { issueId: taken.id } })
    await run.client.post(`/api/heartbeat-runs/${run.id}/finish`, { status: 'succeeded' })
    expect(await skipped('not_assignee')).toBe(1)
    // A second read of the page counts nothing again.
    expect(await skipped('not_assignee')).toBe(1)
  })

  test('Runs that wait for an agent on another host do not age the queue of this server (K46)', async () => {
    const { agent, issue } = await world(alone())
    await issue({ assigneeAgentId: (await agent()).id })
    await alone().database.passTime('1 day')
    const oldest = async (queue: string): Promise<number | undefined> => {
      const metrics = createMetrics({ store: alone().store, version: 'test', traffic: createTraffic(), openStreams: () => 0 })
      return sampleIn((await metrics.page()).text, 'paperclip_queue_oldest_seconds', { queue })
    }
    expect([await oldest('runs'), await oldest('wakes')]).toEqual([0, 0])
    await issue({ assigneeAgentId: (await agent({ adapterConfig: { command: '/bin/true' } })).id })
    await alone().database.passTime('1 hour')
    expect(await oldest('runs')).toBeGreaterThanOrEqual(3600)
    expect(await oldest('runs')).toBeLessThan(7200)
  })

  test('How long a run waited after its wake and how long it ran are measured by adapter and outcome, each once (K46)', async () => {
    const { agent, issue, run, company } = await world(alone())
    const metrics = createMetrics({ store: alone().store, version: 'test', traffic: createTraffic(), openStreams: () => 0 })
    await metrics.page()
    const woken = await agent()
    await issue({ assigneeAgentId: woken.id })
    await alone().database.passTime('90 seconds')
    const queued = (await alone().board.get(`/api/companies/${company.id}/heartbeat-runs?agentId=${woken.id}`)).body[0]
    const started = await run(woken, { issueId: queued.issueId })
    expect(started.id).toBe(queued.id)
    await alone().database.passTime('20 seconds')
    const finish = () => started.client.post(`/api/heartbeat-runs/${started.id}/finish`, { status: 'failed', error: 'no' })
    expect((await finish()).status).toBe(200)
    for (let scrape = 0; scrape < 2; scrape += 1) {
      const { text } = await metrics.page()
      const ended = { adapter: 'process', status: 'failed' }
      expect(sampleIn(text, 'paperclip_run_wait_seconds_count', { adapter: 'process' })).toBe(1)
      expect(sampleIn(text, 'paperclip_run_wait_seconds_sum', { adapter: 'process' })).toBeGreaterThanOrEqual(90)
      expect(sampleIn(text, 'paperclip_run_duration_seconds_count', ended)).toBe(1)
      expect(sampleIn(text, 'paperclip_run_duration_seconds_sum', ended)).toBeGreaterThanOrEqual(20)
      expect(sampleIn(text, 'paperclip_run_duration_seconds_sum', ended)).toBeLessThan(90)
    }
  })

  test('Refusals are counted by their code, and transactions that ran again after a deadlock (K46)', async () => {
    const { company } = await world(alone())
    expect((await alone().board.get('/api/issues/00000000-0000-4000-8000-000000000000')).body.code).toBe('not_found')
    let attempts = 0
    const ctx = { ...requestless, companyId: company.id, store: alone().store }
    await mutate(ctx, async (tx) => {
      attempts += 1
      if (attempts === 1) await tx.run(deadlock, {})
      return unchanged(null)
    })
    const { text } = await alone().board.get('/metrics')
    expect(sampleIn(text, 'paperclip_refusals_total', { code: 'not_found' })).toBe(1)
    expect(sampleIn(text, 'paperclip_transaction_retries_total')).toBe(1)
  })

  test('A committed event that a transaction with an earlier ticket makes unreadable shows as the lag of events', async () => {
    const { issue, company } = await world(open())
    const older = await open().database.sql.connect()
    await older.query('begin')
    await older.query(
      `insert into activity_log (company_id, actor_type, actor_id, action, entity_type, entity_id) values ($1::uuid, 'system', 'test', 'test.late', 'company', $1::uuid::text)`,
      [company.id],
    )
    await issue()
    const metrics = createMetrics({ store: open().store, version: 'test', traffic: createTraffic(), openStreams: () => 0, cacheTtlMs: 0 })
    expect(sampleIn((await metrics.page()).text, 'paperclip_lag_seconds', { of: 'events' })).toBeGreaterThan(0)
    await older.query('commit')
    older.release()
  })

  test('Frequent reads of the page share one query, and while the database does not answer, its statistics are left out', async () => {
    const pool = open().database.open({ max: 2 })
    const store = createStore(pool)
    let queries = 0
    const counting = {
      ...store,
      read: { ...store.read, run: ((...args) => ((queries += 1), store.read.run(...args))) as typeof store.read.run },
    }
    const metrics = createMetrics({ store: counting, version: 'test', traffic: createTraffic(), openStreams: () => 0 })
    await Promise.all([metrics.page(), metrics.page(), metrics.page()])
    await metrics.page()
    expect(queries).toBe(1)
    await pool.end()
    const { text } = await createMetrics({ store, version: 'test', traffic: createTraffic(), openStreams: () => 0 }).page()
    expect(sampleIn(text, 'paperclip_database_up')).toBe(0)
    expect(sampleIn(text, 'paperclip_holds', { state: 'live' })).toBeUndefined()
    expect(sampleIn(text, 'process_cpu_seconds_total')).toBeGreaterThan(0)
  })
})

describe('a caller’s trace (W3C Trace Context)', () => {
  const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
  const traceparent = `00-${TRACE}-00f067aa0ba902b7-01`

  test('The trace id is the request id in the response, the log and the audit row, and the response has a new span id', async () => {
    const { company } = await world(open())
    lines.clear()
    const answer = await open().board.post(`/api/companies/${company.id}/issues`, { title: 'Traced' }, { traceparent })
    expect(answer.headers).toMatchObject({
      'x-request-id': TRACE,
      traceresponse: expect.stringMatching(new RegExp(`^00-${TRACE}-(?!00f067aa0ba902b7)[0-9a-f]{16}-01$`)),
    })
    const { id } = await lastAudit(open(), answer.body.id, 'issue.created')
    const { rows } = await open().database.sql.query('select request_id from activity_log where id = $1', [id])
    expect(rows).toEqual([{ request_id: TRACE }])
    expect(JSON.parse(lines.text().trim().split('\n').at(-1) ?? '')).toMatchObject({
      requestId: TRACE,
      route: 'postCompaniesByCompanyIdIssues',
    })
  })

  test('A request id of the caller is kept, and the log has both ids', async () => {
    lines.clear()
    const answer = await open().board.get('/api/health', { traceparent, 'x-request-id': 'mine' })
    expect(answer.headers).toMatchObject({ 'x-request-id': 'mine', traceresponse: expect.stringContaining(TRACE) })
    expect(JSON.parse(lines.text().trim())).toMatchObject({ requestId: 'mine', traceId: TRACE })
  })

  test.each([
    'nonsense',
    `00-${TRACE}-00f067aa0ba902b7`,
    `00-${TRACE}-00f067aa0ba902b7-01-more`,
    `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`,
    `00-${TRACE}-${'0'.repeat(16)}-01`,
    `ff-${TRACE}-00f067aa0ba902b7-01`,
    traceparent.toUpperCase(),
  ])('A malformed traceparent is ignored: %s', async (malformed) => {
    const { headers } = await open().board.get('/api/health', { traceparent: malformed })
    expect(headers['x-request-id']).toMatch(/^[0-9a-f]{8}-/)
    expect(headers).not.toHaveProperty('traceresponse')
  })

  test('A traceparent of a future version is read as far as it is known', async () => {
    const { headers } = await open().board.get('/api/health', { traceparent: `01-${TRACE}-00f067aa0ba902b7-01-more` })
    expect(headers['x-request-id']).toBe(TRACE)
  })
})

test('An event stream that its client closes is counted and logged, and is not part of the durations', async () => {
  const { company } = await world(open())
  lines.clear()
  const reader = await follow(open().url, `/api/companies/${company.id}/events/stream`)
  reader.disconnect()
  await waitUntil('the stream is logged', async () => lines.text().includes('getCompaniesByCompanyIdEventsStream'))
  const { text } = await open().board.get('/metrics')
  const route = '/api/companies/:companyId/events/stream'
  expect(sampleIn(text, 'paperclip_http_requests_total', { route, status: '200' })).toBeGreaterThan(0)
  expect(sampleIn(text, 'paperclip_http_request_duration_seconds_count', { route })).toBeUndefined()
})
