import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { openPool } from '../../platform/db/driver/client.ts'
import type { Pool } from '../../platform/db/driver/client.ts'
import { embeddedOwnerOf } from '../testing/serverProcess.ts'
import { createApiClient } from './apiClient.ts'
import { startChild, startFlags, stopChild, thisCheckout } from './children.ts'
import { startGenerator } from './generator.ts'
import { median, prepareRequest } from './load.ts'
import { barCell, markdownTable, short } from './table.ts'

// `npm run bench -- --costs`: the sums of costs of a company with few cost events, beside those of one with many.

const FEW = 10_000
const MANY = 1_000_000
/** A sum of many events may take so many times as long. */
const MOST_GROWTH = 1.5
const AGENTS = 20
/** Each read is measured in so many turns of each company, because what else the machine does changes within seconds. */
const TURNS = 5
const REPEATS_OF_TURN = 12
const WARM_UP = 10
const DAY_MS = 24 * 3600 * 1000

const bucketAt = (at: string): string => `(case grain when '3h' then date_bin('3 hours', ${at}, '0001-01-01')
  when '20m' then date_bin('20 minutes', ${at}, '0001-01-01') else date_trunc(grain, ${at}, 'UTC') end)`

/**
 * Events of the last 30 days, with their sums. An agent works on one project a day and uses its own model nine times of ten; its runs last an hour.
 * Shards are those of a server with several connections, which adds them up when the unit of time is over, in the order of the key.
 */
const statementsOf = (companyId: string, events: number): readonly string[] => [
  `insert into cost_events (company_id, agent_id, project_id, heartbeat_run_id, provider, biller, billing_type, model, input_tokens,
      cached_input_tokens, output_tokens, microcents, is_priced, occurred_at)
    select '${companyId}', a.id, md5('project' || (hashtext(a.id::text || date_trunc('day', e.at)::text) & 3))::uuid,
      md5(a.id::text || date_trunc('hour', e.at)::text)::uuid, 'provider ' || e.model % 2, 'biller ' || e.model % 2,
      case when e.model = 0 then 'subscription_included' else 'metered_api' end, 'model ' || e.model, 1000, 5000, 200, 150000, true, e.at
    from (select now() - random() * interval '30 days' as at, (random() * ${AGENTS - 1})::int as agent, i,
        ((random() * ${AGENTS - 1})::int * (random() < 0.1)::int) % 4 as shift from generate_series(1, ${events}) i) drawn
    join (select id, (row_number() over (order by id) - 1)::int as place from agents where company_id = '${companyId}') a on a.place = drawn.agent
    cross join lateral (select drawn.at, (a.place + drawn.shift) % 4 as model) e`,
  `insert into run_costs (company_id, run_id, is_subscription, agent_id, first_event_id, first_occurred_at)
    select distinct on (heartbeat_run_id, is_subscription) company_id, heartbeat_run_id, billing_type = 'subscription_included' as is_subscription,
      agent_id, id, occurred_at
    from cost_events where company_id = '${companyId}' order by heartbeat_run_id, is_subscription, occurred_at, id`,
  `insert into cost_rollups (company_id, grain, bucket, agent_id, project_id, provider, biller, billing_type, model, shard, microcents,
      input_tokens, cached_input_tokens, output_tokens, event_count, run_count)
    select company_id, grain, ${bucketAt('occurred_at')}, agent_id, project_id, provider, biller, billing_type, model,
      case when ${bucketAt('occurred_at')} < ${bucketAt("now() - interval '1 hour'")} then 0 else (hashtext(id::text) & 3) + 1 end,
      sum(microcents), sum(input_tokens), sum(cached_input_tokens), sum(output_tokens), count(*), count(first_event_id)
    from (select e.*, first_event_id from cost_events e left join run_costs on first_event_id = id where e.company_id = '${companyId}') e,
      unnest(array['month', 'day', '3h', '20m']) grain group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
    order by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10`,
]

async function plant(sql: Pool, companyId: string, events: number): Promise<void> {
  process.stderr.write(`planting ${events.toLocaleString('en-US')} cost events\n`)
  for (const text of statementsOf(companyId, events)) await sql.query(text)
}

const daysAgo = (days: number): string => new Date(Math.floor(Date.now() / DAY_MS) * DAY_MS - days * DAY_MS).toISOString()
const lists = ['summary', 'by-agent', 'by-agent-model', 'by-provider', 'by-biller', 'by-project']

/** The reads: of all time, of whole days, and of a range whose ends lie well within units of all sizes: near the middle of twenty minutes and of three hours. */
const readsOf = (): readonly { readonly name: string; readonly at: string }[] => {
  const days = `from=${daysAgo(25)}&to=${daysAgo(5)}`
  const ragged = days.replaceAll('T00:00:00.000Z', 'T07:29:00.000Z')
  return [
    ...lists.map((name) => ({ name, at: `costs/${name}` })),
    ...lists.map((name) => ({ name: `${name}, 20 days`, at: `costs/${name}?${days}` })),
    ...lists.map((name) => ({ name: `${name}, 20 days from 7:29 to 7:29`, at: `costs/${name}?${ragged}` })),
    { name: 'window-spend', at: 'costs/window-spend' },
    { name: 'quota-windows', at: 'costs/quota-windows' },
    { name: 'events', at: 'costs/events?limit=50' },
    { name: 'dashboard', at: 'dashboard' },
  ]
}

async function measure(port: number, companyIds: readonly string[]): Promise<string[][]> {
  const generator = startGenerator()
  const play = async (companyId: string, at: string, count: number): Promise<readonly number[]> => {
    const request = prepareRequest({ path: `/api/companies/${companyId}/${at}`, headers: {}, expectedStatuses: [200] })
    return (await generator.play({ port, inStep: true, durationMs: 20_000, scripts: [Array.from({ length: count }, () => request)] })).times
  }
  const medians = async (at: string): Promise<number[]> => {
    for (const companyId of companyIds) await play(companyId, at, WARM_UP)
    const times = companyIds.map((): number[] => [])
    for (let turn = 0; turn < TURNS; turn++)
      for (const [index, companyId] of companyIds.entries()) times[index]?.push(...(await play(companyId, at, REPEATS_OF_TURN)))
    return times.map(median)
  }
  try {
    const rows: string[][] = []
    for (const { name, at } of readsOf()) {
      const [few = Number.NaN, many = Number.NaN] = await medians(at)
      const bar = { text: `≤ ${MOST_GROWTH} x`, isMet: many <= MOST_GROWTH * few }
      rows.push([name, short(few), short(many), short(many / few), barCell(bar)])
    }
    return rows
  } finally {
    generator.stop()
  }
}

/** Measures and prints the reads of costs at both numbers of events. */
export async function benchCosts(): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'paperclip-bench-'))
  const home = path.join(folder, 'server')
  // Postgres does not run as root, and its account has to enter.
  chmodSync(folder, 0o755)
  mkdirSync(home)
  const env = { PAPERCLIP_HOME: home, PORT: '0' }
  const child = await startChild({ checkout: thisCheckout, script: 'src/main.ts', env, flags: startFlags(thisCheckout) })
  try {
    const api = createApiClient(child.port)
    const sql = openPool({ ...embeddedOwnerOf(home), max: 1, query_timeout: 0, statement_timeout: 0, lock_timeout: 0 })
    const companyIds: string[] = []
    for (const events of [FEW, MANY]) {
      const companyId = String((await api.post('/api/companies', { name: 'Spender' }))['id'])
      for (let index = 0; index < AGENTS; index++) await api.post(`/api/companies/${companyId}/agents`, { name: `Agent ${index}` })
      await plant(sql, companyId, events)
      companyIds.push(companyId)
    }
    await sql.query('vacuum (analyze)')
    await sql.end()
    const head = ['read', `${FEW.toLocaleString('en-US')} events, ms`, `${MANY.toLocaleString('en-US')} events, ms`, 'ratio', 'bar']
    process.stdout.write(`${markdownTable(head, await measure(child.port, companyIds))}\n`)
  } finally {
    await stopChild(child)
    rmSync(folder, { recursive: true, force: true })
  }
}
