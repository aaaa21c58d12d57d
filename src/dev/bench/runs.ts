import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { constants, openSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { Socket } from 'node:net'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Pool } from '../../platform/db/driver/client.ts'
import type { ApiClient } from './apiClient.ts'
import { quantile } from './load.ts'

/** Wakes of the latency row, one after the other on a server that has nothing else to do. */
const WAKES = Number(process.env['BENCH_WAKES'] ?? 100)
/** Between the end of a run and the next wake, so that each finds the server at rest. */
const PAUSE_MS = 100
const QUEUED_RUNS = 10_000
const DRAIN_AGENTS = 50
/** Runs a second that a machine ends whose floor does so many checkouts and releases a second; a slower machine ends fewer. */
const [DRAIN_BAR, DRAIN_BAR_FLOOR] = [300, 1900]
const IDLE_S = 30
/** Backends count their transactions for others to see at the latest after this. */
const STATS_DELAY_MS = 11_000

export interface BenchResult {
  readonly name: string
  readonly observed: string
  readonly ok: boolean
}

interface Agent {
  readonly id: string
}

const createAgent = async (api: ApiClient, companyId: string, name: string, fields: object): Promise<Agent> =>
  (await api.post(`/api/companies/${companyId}/agents`, { name, ...fields })) as unknown as Agent

const createCompany = async (api: ApiClient, name: string): Promise<string> => String((await api.post('/api/companies', { name }))['id'])

const countUnendedRuns = async (sql: Pool, companyId: string): Promise<number> => {
  const { rows } = await sql.query<{ count: number }>(
    "select count(*)::int as count from heartbeat_runs where company_id = $1 and coalesce(status in ('queued', 'running'), false)",
    [companyId],
  )
  return rows[0]?.count ?? 0
}

/** The time of this process in milliseconds since 1970, as exact as that of the database. */
const nowMs = (): number => performance.timeOrigin + performance.now()

/** When a run was queued, claimed, and its process noted, by the clock of the database, which is that of this machine. */
async function momentsOf(sql: Pool, companyId: string): Promise<readonly number[]> {
  const ms = (column: string): string => `extract(epoch from ${column})::float8 * 1000`
  const { rows } = await sql.query<{ moments: number[] }>(
    `select array[${['created_at', 'started_at', 'process_started_at'].map(ms).join()}] as moments
     from heartbeat_runs where company_id = $1 order by created_at desc limit 1`,
    [companyId],
  )
  return rows[0]?.moments ?? []
}

/** The medians of the parts of a wake: until its run is queued, claimed, its process noted, and its program has begun. */
function partsOf(wakes: readonly (readonly number[])[]): string {
  const part = (at: number): string => {
    const times = wakes.map((moments) => (moments[at + 1] ?? 0) - (moments[at] ?? 0))
    return quantile(
      times.toSorted((a, b) => a - b),
      0.5,
    ).toFixed(1)
  }
  return `queued ${part(0)}, claimed ${part(1)}, process ${part(2)}, program ${part(3)}`
}

/** From just before the request that wakes an agent until the program that it is has begun to run. */
export async function measureWakeLatency(api: ApiClient, sql: Pool, folder: string): Promise<BenchResult> {
  const fifo = path.join(folder, 'started')
  execFileSync('mkfifo', ['-m', '666', fifo])
  const companyId = await createCompany(api, 'Woken')
  const agent = await createAgent(api, companyId, 'Waker', {
    adapterType: 'process',
    adapterConfig: { command: '/bin/sh', args: ['-c', 'echo started > "$0"', fifo] },
  })
  // Open for writing as well, or the pipe would be at its end whenever no program has it open.
  const pipe = new Socket({ fd: openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK) })
  const times: number[] = []
  const wakes: number[][] = []
  for (let n = 0; n < WAKES; n += 1) {
    const started = once(pipe, 'data')
    const askedAt = nowMs()
    await api.post(`/api/agents/${agent.id}/heartbeat/invoke`, {})
    await started
    const startedAt = nowMs()
    times.push(startedAt - askedAt)
    while ((await countUnendedRuns(sql, companyId)) > 0) await delay(20)
    wakes.push([askedAt, ...(await momentsOf(sql, companyId)), startedAt])
    await delay(PAUSE_MS)
  }
  pipe.destroy()
  rmSync(fifo)
  const sorted = times.toSorted((a, b) => a - b)
  const [p50, p99] = [quantile(sorted, 0.5), quantile(sorted, 0.99)]
  return {
    name: `wake to program started, ${WAKES} wakes`,
    observed: `p50 ${p50.toFixed(0)} ms, p99 ${p99.toFixed(0)} ms (bars 60, 100); medians of its parts: ${partsOf(wakes)}`,
    ok: p50 <= 60 && p99 <= 100,
  }
}

/** An endpoint that answers every run at once that it is done. */
async function startNoopEndpoint(): Promise<{ url: string; runs: () => number; stop: () => void }> {
  let runs = 0
  const server = createServer((request, response) => {
    request.resume()
    runs += 1
    response.writeHead(200, { 'Content-Type': 'application/json' })
    response.end('{}')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    runs: () => runs,
    stop: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

/**
 * Queued wakes of agents that do nothing, from the moment they are all there until the last run has ended.
 * @param floorRate checkouts and releases a second of the floor on this machine: the bar is stated for 1,900. null: the bar as stated
 */
export async function measureDrain(api: ApiClient, sql: Pool, floorRate: number | null): Promise<BenchResult> {
  const endpoint = await startNoopEndpoint()
  const companyId = await createCompany(api, 'Drained')
  const agents: Agent[] = []
  for (let n = 0; n < DRAIN_AGENTS; n += 1) {
    agents.push(
      await createAgent(api, companyId, `Drainer ${n}`, {
        adapterType: 'http',
        adapterConfig: { url: endpoint.url },
        runtimeConfig: { heartbeat: { maxConcurrentRuns: 4 } },
      }),
    )
  }
  const startedAt = performance.now()
  await sql.query(
    `with queued as (
       insert into heartbeat_runs (company_id, agent_id, invocation_source, status, lease_seconds, lease_expires_at, wakeup_request_id)
       select $1, ($2::uuid[])[1 + n % cardinality($2::uuid[])], 'automation', 'queued', 86400, now() + interval '1 day', gen_random_uuid()
       from generate_series(1, $3::int) n returning id, agent_id, wakeup_request_id)
     insert into wakes (id, company_id, agent_id, source, reason, status, requested_by_actor_type, requested_by_actor_id, run_id)
     select wakeup_request_id, $1, agent_id, 'automation', 'bench', 'queued', 'system', 'bench', id from queued`,
    [companyId, agents.map((agent) => agent.id), QUEUED_RUNS],
  )
  const queuedAt = performance.now()
  while ((await countUnendedRuns(sql, companyId)) > 0) await delay(100)
  const rate = QUEUED_RUNS / ((performance.now() - queuedAt) / 1000)
  endpoint.stop()
  const { rows } = await sql.query<{ succeeded: number; wakes: number }>(
    `select (select count(*)::int from heartbeat_runs where company_id = $1 and status = 'succeeded') as succeeded,
       (select count(*)::int from wakes where company_id = $1 and status = 'completed') as wakes`,
    [companyId],
  )
  const bar = DRAIN_BAR * Math.min(1, (floorRate ?? DRAIN_BAR_FLOOR) / DRAIN_BAR_FLOOR)
  const allDone = rows[0]?.succeeded === QUEUED_RUNS && rows[0].wakes === QUEUED_RUNS && endpoint.runs() === QUEUED_RUNS
  const shortfall = allDone ? '' : `, but only ${rows[0]?.succeeded} succeeded, ${rows[0]?.wakes} wakes done, ${endpoint.runs()} asked`
  return {
    name: `${QUEUED_RUNS} queued wakes, http adapter`,
    observed: `${rate.toFixed(0)} runs/s (bar ${bar.toFixed(0)}${floorRate === null ? '' : `, ${(rate / floorRate).toFixed(3)} of the floor`}), queued in ${(queuedAt - startedAt).toFixed(0)} ms${shortfall}`,
    ok: allDone && rate >= bar,
  }
}

/** Counts the queries of a server that receives no request. */
export async function measureIdleQueries(sql: Pool): Promise<BenchResult> {
  const transactions = async (): Promise<number> => {
    const { rows } = await sql.query<{ count: number }>(
      'select (xact_commit + xact_rollback)::int as count from pg_stat_database where datname = current_database()',
    )
    return rows[0]?.count ?? 0
  }
  // The workers of autovacuum count as well, and are no queries of the server.
  await sql.query('alter system set autovacuum = off')
  await sql.query('select pg_reload_conf()')
  await delay(STATS_DELAY_MS)
  const [before, startedAt] = [await transactions(), performance.now()]
  await delay(IDLE_S * 1000)
  const [after, seconds] = [await transactions(), (performance.now() - startedAt) / 1000]
  await sql.query('alter system reset autovacuum')
  await sql.query('select pg_reload_conf()')
  // Outside a transaction every query is one; the question of this bench itself is one as well.
  const rate = (after - before - 1) / seconds
  return { name: `idle, ${IDLE_S} s`, observed: `${rate.toFixed(2)} queries/s (bar 2)`, ok: rate <= 2 }
}
