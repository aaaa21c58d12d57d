import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { openPool } from '../../platform/db/driver/client.ts'
import type { Pool } from '../../platform/db/driver/client.ts'
import { startEmbedded } from '../../platform/embedded/index.ts'
import { createApiClient } from './apiClient.ts'
import type { ApiClient } from './apiClient.ts'
import { runScripts, prepareRequest, summarize } from './load.ts'
import type { LoadStats, Script } from './load.ts'
import { measureDrain, measureIdleQueries, measureWakeLatency } from './runs.ts'
import type { BenchResult } from './runs.ts'
import { seedIssues } from './seed.ts'

/** Connections of the load, as the bar asks. */
const CONNECTIONS = 16
/** Turns of each side; they alternate, so that whatever else the machine does meets both. */
const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 6)
const TURN_DURATION_MS = Number(process.env['BENCH_TURN_MS'] ?? 1500)
/** Further options of Node for the server under test, to profile it: `--cpu-prof --cpu-prof-dir=…`. */
const EXTRA_NODE_FLAGS = (process.env['BENCH_NODE_FLAGS'] ?? '').split(' ').filter((flag) => flag !== '')

/** The server is measured as `npm start` runs it. */
function startFlags(): string[] {
  const file = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')
  const { scripts } = JSON.parse(file) as { scripts: { start: string } }
  return [...scripts.start.split(' ').filter((word) => /^--(?!import)/.test(word)), ...EXTRA_NODE_FLAGS]
}

/** Measures only the contests with this in their name, or with `runs` only what runs do. */
const ONLY = process.env['BENCH_ONLY'] ?? ''

interface Child {
  readonly process: ChildProcess
  readonly port: number
}

/** Starts a server of ours or of the floor and waits for the line that tells its URL. */
async function startChild(script: string, env: Record<string, string>, flags: readonly string[] = []): Promise<Child> {
  const file = fileURLToPath(new URL(script, import.meta.url))
  const logFile = path.join(env['PAPERCLIP_HOME'] ?? '', `${path.basename(script)}.log`)
  const output = openSync(logFile, 'w')
  const child = spawn(process.execPath, [...flags, '--import', 'tsx', file], {
    env: { ...process.env, NODE_ENV: 'production', ...env },
    // Its log goes into a file, as it would in service; through a pipe the load generator would have to read it.
    stdio: ['ignore', output, 'inherit'],
  })
  closeSync(output)
  process.once('exit', () => void child.kill('SIGKILL'))
  let exit: number | null | undefined
  child.once('exit', (code) => void (exit = code))
  while (exit === undefined) {
    const url = /"url":"([^"]+)"/.exec(readFileSync(logFile, 'utf8'))?.[1]
    if (url !== undefined) return { process: child, port: Number(new URL(url).port) }
    await delay(20)
  }
  throw new Error(`${script} exited with ${exit}`)
}

const stopChild = (child: Child): Promise<void> =>
  new Promise((resolve) => {
    child.process.once('exit', () => resolve())
    child.process.kill('SIGTERM')
  })

interface Worker {
  readonly agentId: string
  readonly runId: string
  readonly headers: Record<string, string>
}

interface Company {
  readonly id: string
  readonly workers: readonly Worker[]
  readonly issueIds: readonly string[]
}

/** A company with issues, and one agent with key and run for each connection. */
async function createBenchCompany(api: ApiClient, sql: Pool, name: string, issues: number): Promise<Company> {
  const company = await api.post('/api/companies', { name })
  const id = String(company['id'])
  await seedIssues(sql, id, String(company['issuePrefix']), issues)
  const workers: Worker[] = []
  for (let index = 0; index < CONNECTIONS; index += 1) {
    const agent = await api.post(`/api/companies/${id}/agents`, { name: `Worker ${index}` })
    const key = await api.post(`/api/agents/${String(agent['id'])}/keys`, {})
    const opened = await api.post(`/api/agents/${String(agent['id'])}/runs`, { leaseSeconds: 3600 })
    const runId = (opened['run'] as { id: string }).id
    workers.push({
      agentId: String(agent['id']),
      runId,
      headers: { Authorization: `Bearer ${String(key['token'])}`, 'X-Paperclip-Run-Id': runId },
    })
  }
  const { rows } = await sql.query<{ id: string }>(
    `select id from issues where company_id = $1 and status = 'todo' order by created_at limit 400`,
    [id],
  )
  return { id, workers, issueIds: rows.map((row) => row.id) }
}

/** Issues each connection has for itself, so that nobody waits for a row. */
const ISSUES_PER_CONNECTION = 16

const ownIssues = (company: Company, connection: number): readonly string[] =>
  company.issueIds.slice(connection * ISSUES_PER_CONNECTION, (connection + 1) * ISSUES_PER_CONNECTION)

interface Comparison {
  readonly name: string
  readonly threshold: number
  readonly baseline: readonly Script[]
  readonly server: readonly Script[]
}

/** Scripts of both sides for the three bars. */
function buildComparisons(company: Company): Comparison[] {
  const own = (connection: number): readonly string[] => ownIssues(company, connection)
  const each = (make: (worker: Worker, connection: number) => Script): Script[] => company.workers.map(make)
  const checkoutScripts = each((worker, connection) =>
    own(connection).flatMap((id) => [
      prepareRequest('POST', `/api/issues/${id}/checkout`, worker.headers, { agentId: worker.agentId, expectedStatuses: ['todo'] }, 200),
      prepareRequest('POST', `/api/issues/${id}/release`, worker.headers, {}, 200),
    ]),
  )
  const baselineCheckoutScripts = each((worker, connection) =>
    own(connection).flatMap((id) => [
      prepareRequest('POST', `/issues/${id}/checkout`, {}, { agentId: worker.agentId, runId: worker.runId }, 200),
      prepareRequest('POST', `/issues/${id}/release`, {}, { runId: worker.runId }, 200),
    ]),
  )
  const getScripts = each((worker, connection) =>
    own(connection).map((id) => prepareRequest('GET', `/api/issues/${id}`, worker.headers, undefined, 200)),
  )
  const baselineGetScripts = each((_, connection) =>
    own(connection).map((id) => prepareRequest('GET', `/issues/${id}`, {}, undefined, 200)),
  )
  const listScripts = each((worker) => [
    prepareRequest('GET', `/api/companies/${company.id}/issues?limit=50`, worker.headers, undefined, 200),
  ])
  return [
    { name: 'checkout + release', threshold: 0.5, baseline: baselineCheckoutScripts, server: checkoutScripts },
    { name: 'GET issue', threshold: 0.4, baseline: baselineGetScripts, server: getScripts },
    { name: 'list 50 of 1,000 (floor: GET)', threshold: 0.1, baseline: baselineGetScripts, server: listScripts },
  ]
}

async function alternate(sides: readonly { port: number; scripts: readonly Script[] }[], rounds: number): Promise<LoadStats[]> {
  const turns = sides.map((): { times: number[]; elapsedMs: number }[] => [])
  for (const side of sides) await runScripts(side.port, side.scripts, TURN_DURATION_MS / 2)
  for (let round = 0; round < rounds; round += 1) {
    for (const [index, side] of sides.entries()) turns[index]?.push(await runScripts(side.port, side.scripts, TURN_DURATION_MS))
  }
  return turns.map(summarize)
}

const cell = (measured: LoadStats): string =>
  `${String(Math.round(measured.rate)).padStart(7)}/s  p50 ${measured.p50Ms.toFixed(2).padStart(6)}  p99 ${measured.p99Ms.toFixed(2).padStart(7)}`

function line(name: string, left: LoadStats, right: LoadStats, threshold: number): void {
  const ratio = right.rate / left.rate
  const result = ratio >= threshold ? 'ok' : 'BELOW'
  process.stdout.write(
    `${name.padEnd(32)} ${cell(left)}   ${cell(right)}   ${ratio.toFixed(2).padStart(5)}  (bar ${threshold})  ${result}\n`,
  )
}

/** Shots at the three reads that must not care how many issues a company has. */
function scaleScripts(company: Company): Record<string, Script[]> {
  return {
    'list 50': company.workers.map((worker) => [
      prepareRequest('GET', `/api/companies/${company.id}/issues?limit=50`, worker.headers, undefined, 200),
    ]),
    'list 50 todo': company.workers.map((worker) => [
      prepareRequest('GET', `/api/companies/${company.id}/issues?limit=50&status=todo`, worker.headers, undefined, 200),
    ]),
    locks: company.workers.map((worker) => [prepareRequest('GET', `/api/companies/${company.id}/locks`, worker.headers, undefined, 200)]),
    claim: company.workers.map((worker) => [prepareRequest('POST', `/api/companies/${company.id}/issues/claim`, worker.headers, {}, 200)]),
  }
}

/** Puts the issues that claims took back into the pool, so that each turn meets the same. */
const returnIssues = (sql: Pool, companyId: string): Promise<unknown> =>
  sql.query(
    `update issues set status = 'todo', assignee_agent_id = null, checkout_run_id = null, execution_run_id = null,
       execution_agent_name_key = null, execution_locked_at = null, lock_epoch = lock_epoch + 1
     where company_id = $1 and status = 'in_progress' and issue_number > 200`,
    [companyId],
  )

async function holdIssues(sql: Pool, company: Company, count: number): Promise<void> {
  await sql.query(
    `update issues i set status = 'in_progress', assignee_agent_id = w.agent, checkout_run_id = w.run, execution_run_id = w.run,
       execution_locked_at = now(), lock_epoch = lock_epoch + 1
     from unnest($2::uuid[], $3::uuid[]) with ordinality as w (agent, run, n)
     where i.company_id = $1 and i.issue_number <= $4 and 1 + i.issue_number % $5 = w.n`,
    [
      company.id,
      company.workers.map((worker) => worker.agentId),
      company.workers.map((worker) => worker.runId),
      count,
      company.workers.length,
    ],
  )
}

async function compareScale(port: number, sql: Pool, small: Company, large: Company): Promise<void> {
  process.stdout.write(`\n${'at 1,000 and at 100,000 issues'.padEnd(32)} ${'1,000'.padEnd(35)}   100,000\n`)
  const [smallScripts, largeScripts] = [scaleScripts(small), scaleScripts(large)]
  for (const name of Object.keys(smallScripts)) {
    const turns: { times: number[]; elapsedMs: number }[][] = [[], []]
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const [index, [company, scripts]] of [[small, smallScripts] as const, [large, largeScripts] as const].entries()) {
        if (name === 'claim') {
          // A bounded number of claims: a company of 1,000 has only so many open issues.
          const bounded = (scripts[name] ?? []).map((script) =>
            Array.from({ length: 12 }, () => script[0]).filter((next) => next !== undefined),
          )
          turns[index]?.push(await runScripts(port, bounded, 1))
          await returnIssues(sql, company.id)
        } else turns[index]?.push(await runScripts(port, scripts[name] ?? [], TURN_DURATION_MS / 2))
      }
    }
    const [left, right] = turns.map(summarize)
    if (left !== undefined && right !== undefined) line(name, left, right, 0.5)
  }
}

/** A committed audit row joins its chain within this. */
const SEAL_DEADLINE_MS = 2000

/** Says whether sealing kept up with the fastest writing: how much was left when it ended, and how much 2 s later. */
async function measureSealing(sql: Pool): Promise<void> {
  const unsealed = async (): Promise<number> => {
    const { rows } = await sql.query<{ unsealed: number }>(
      // What the floor writes is in the same log, so the sealer has both sides' rows to seal.
      'select ((select count(*) from activity_log) - (select count(*) from activity_chain))::int as unsealed',
    )
    return rows[0]?.unsealed ?? 0
  }
  const unsealedAtEnd = await unsealed()
  await delay(SEAL_DEADLINE_MS)
  const unsealedLater = await unsealed()
  process.stdout.write(
    `audit rows not sealed: ${unsealedAtEnd} when the writing ended, ${unsealedLater} two seconds later (bar 0)  ${unsealedLater === 0 ? 'ok' : 'BELOW'}\n`,
  )
}

const printResult = ({ name, observed: seen, ok }: BenchResult): void =>
  void process.stdout.write(`${name.padEnd(40)} ${seen}  ${ok ? 'ok' : 'BELOW'}\n`)

/** What becomes of wakes: how soon a program runs, how fast a queue is worked off, and what waiting for one costs. */
async function measureRuns(api: ApiClient, sql: Pool, folder: string): Promise<void> {
  process.stdout.write('\n')
  printResult(await measureIdleQueries(sql))
  printResult(await measureWakeLatency(api, sql, folder))
  printResult(await measureDrain(api, sql))
}

const residentMb = (pid: number): number =>
  Math.round(Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024)

async function main(): Promise<void> {
  const home = mkdtempSync(path.join(tmpdir(), 'paperclip-bench-'))
  const postgres = await startEmbedded({ home, durable: true })
  const { host, user, port, database } = postgres.connection
  const env = {
    DATABASE_URL: `postgres://${user}@localhost:${port}/${database}?host=${encodeURIComponent(host)}`,
    PAPERCLIP_HOME: path.join(home, 'server'),
    PORT: '0',
    // The endpoint of the runs that do nothing is on this machine.
    PAPERCLIP_ADAPTER_ADDRESSES: '127.0.0.1',
  }
  mkdirSync(env.PAPERCLIP_HOME)
  const server = await startChild('../../main.ts', env, startFlags())
  const baseline = await startChild('./baseline.ts', env)
  const sql = openPool({ ...postgres.connection, max: 2, query_timeout: 0, statement_timeout: 0 })
  try {
    const api = createApiClient(server.port)
    if (ONLY === 'runs') return await measureRuns(api, sql, home)
    const small = await createBenchCompany(api, sql, 'Small', 1000)
    process.stdout.write(
      `${CONNECTIONS} connections, ${ROUNDS} turns of ${TURN_DURATION_MS} ms each side, synchronous_commit=on, agents with API keys; times in ms\n`,
    )
    process.stdout.write(`${''.padEnd(32)} ${'floor'.padEnd(39)} paperclip-server                          ratio\n`)
    const comparisons = buildComparisons(small)
    for (const comparison of comparisons.filter(({ name }) => name.includes(ONLY))) {
      const [left, right] = await alternate(
        [
          { port: baseline.port, scripts: comparison.baseline },
          { port: server.port, scripts: comparison.server },
        ],
        ROUNDS,
      )
      if (left !== undefined && right !== undefined) line(comparison.name, left, right, comparison.threshold)
      if (comparison === comparisons[0]) await measureSealing(sql)
    }
    process.stdout.write(`memory so far: ${residentMb(server.process.pid ?? 0)} MB\n`)
    if (ONLY !== '') return
    const large = await createBenchCompany(api, sql, 'Large', 100_000)
    await holdIssues(sql, small, 200)
    await holdIssues(sql, large, 200)
    await sql.query('vacuum analyze issues')
    await compareScale(server.port, sql, small, large)
    await measureRuns(api, sql, home)
    process.stdout.write(`\nmemory of the server's process: ${residentMb(server.process.pid ?? 0)} MB (bar 200)\n`)
  } finally {
    await sql.end()
    await Promise.all([stopChild(server), stopChild(baseline)])
    await postgres.stop()
    rmSync(home, { recursive: true, force: true })
  }
}

await main()
