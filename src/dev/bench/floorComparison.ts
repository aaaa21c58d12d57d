import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { openPool } from '../../platform/db/driver/client.ts'
import type { Pool } from '../../platform/db/driver/client.ts'
import { startEmbedded } from '../../platform/embedded/index.ts'
import { databaseUrlOf } from '../testing/serverProcess.ts'
import { createApiClient } from './apiClient.ts'
import type { ApiClient } from './apiClient.ts'
import { startChild, startFlags, stopChild, thisCheckout } from './children.ts'
import { CONNECTIONS, createBenchCompany, ownIssues, workloadScripts } from './company.ts'
import type { Company } from './company.ts'
import { COST_BAR, commentScripts, costScripts, limitCompany } from './costs.ts'
import { CREDENTIAL_BAR, withCredentials } from './credentials.ts'
import { startGenerator } from './generator.ts'
import type { Generator } from './generator.ts'
import { prepareRequest, summarize } from './load.ts'
import type { LoadStats, LoadTurn, Script } from './load.ts'
import { residentMb } from './processes.ts'
import { measureDrain, measureIdleQueries, measureWakeLatency } from './runs.ts'
import type { BenchResult } from './runs.ts'

/** Turns of each side; they alternate, so that other load on the machine affects both. */
const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 6)
const TURN_DURATION_MS = Number(process.env['BENCH_TURN_MS'] ?? 1500)
/** A checkout is followed by its release. */
const UNIT = 2
/** Measures only the comparisons with this in their name, or with `runs` only the runs. */
const ONLY = process.env['BENCH_ONLY'] ?? ''

/** The read that is compared by credential. */
const CREDENTIALS = 'GET issue by credential'

/** The reports of spending that are compared with comments. */
const COSTS = 'costs'

/** The comparison whose floor says how fast the machine is. */
const CHECKOUTS = 'checkout + release'

interface Comparison {
  readonly name: string
  readonly threshold: number
  readonly baseline: readonly Script[]
  readonly server: readonly Script[]
}

/** The scripts of both sides for the three bars. */
function buildComparisons(company: Company): Comparison[] {
  const scripts = workloadScripts(company)
  const pairs = (take: string, giveBack: string): Script[] =>
    company.workers.map(({ agentId, runId }, connection) =>
      ownIssues(company, connection).flatMap((id) =>
        [take, giveBack].map((verb) => prepareRequest({ method: 'POST', path: `/issues/${id}/${verb}`, body: { agentId, runId } })),
      ),
    )
  const baselineGets = company.workers.map((_, connection) =>
    ownIssues(company, connection).map((id) => prepareRequest({ path: `/issues/${id}` })),
  )
  return [
    { name: CHECKOUTS, threshold: 0.75, baseline: pairs('checkout', 'release'), server: scripts['checkout + release'] },
    {
      name: 'the same, floor that only writes',
      threshold: 0.6,
      baseline: pairs('write-checkout', 'write-release'),
      server: scripts['checkout + release'],
    },
    { name: 'GET issue', threshold: 0.4, baseline: baselineGets, server: scripts['GET issue'] },
    { name: 'list 50 of 1,000 (floor: GET)', threshold: 0.1, baseline: baselineGets, server: scripts['list 50'] },
  ]
}

/** The rate and times of a side, and the time that the generator spent on each of its requests. */
interface SideStats extends LoadStats {
  readonly generatorUs: number
}

const statsOf = (turns: readonly LoadTurn[]): SideStats => ({
  ...summarize(turns),
  generatorUs: (1000 * turns.reduce((sum, turn) => sum + turn.generatorCpuMs, 0)) / turns.reduce((sum, turn) => sum + turn.times.length, 0),
})

async function alternate(
  generator: Generator,
  sides: readonly { readonly port: number; readonly scripts: readonly Script[] }[],
  rounds: number,
): Promise<SideStats[]> {
  const turns = sides.map((): LoadTurn[] => [])
  const play = ({ port, scripts }: (typeof sides)[number], durationMs: number): Promise<LoadTurn> =>
    generator.play({ port, scripts, durationMs, unit: UNIT })
  for (const side of sides) await play(side, TURN_DURATION_MS / 2)
  for (let round = 0; round < rounds; round += 1) {
    for (const [index, side] of sides.entries()) turns[index]?.push(await play(side, TURN_DURATION_MS))
  }
  return turns.map(statsOf)
}

const cell = (measured: SideStats): string =>
  `${String(Math.round(measured.rate)).padStart(7)}/s  p50 ${measured.p50Ms.toFixed(2).padStart(6)}  p99 ${measured.p99Ms.toFixed(2).padStart(7)}  gen ${measured.generatorUs.toFixed(0).padStart(3)} us`

function line(name: string, left: SideStats, right: SideStats, threshold: number): void {
  const ratio = right.rate / left.rate
  const result = ratio >= threshold ? 'ok' : 'BELOW'
  process.stdout.write(
    `${name.padEnd(32)} ${cell(left)}   ${cell(right)}   ${ratio.toFixed(2).padStart(5)}  (bar ${threshold})  ${result}\n`,
  )
}

/** Requests for the three reads whose cost must not depend on how many issues a company has. */
function scaleScripts(company: Company): Record<string, Script[]> {
  const gets = (path: string): Script[] => company.workers.map(({ headers }) => [prepareRequest({ path, headers })])
  const root = `/api/companies/${company.id}`
  return {
    'list 50': gets(`${root}/issues?limit=50`),
    'list 50 todo': gets(`${root}/issues?limit=50&status=todo`),
    locks: gets(`${root}/locks`),
    claim: company.workers.map(({ headers }) => [prepareRequest({ method: 'POST', path: `${root}/issues/claim`, headers, body: {} })]),
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

async function compareScale(
  { generator, port, sql }: { readonly generator: Generator; readonly port: number; readonly sql: Pool },
  small: Company,
  large: Company,
): Promise<void> {
  process.stdout.write(`\n${'at 1,000 and at 100,000 issues'.padEnd(32)} ${'1,000'.padEnd(47)}   100,000\n`)
  const [smallScripts, largeScripts] = [scaleScripts(small), scaleScripts(large)]
  for (const name of Object.keys(smallScripts)) {
    const turns: LoadTurn[][] = [[], []]
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const [index, [company, scripts]] of [[small, smallScripts] as const, [large, largeScripts] as const].entries()) {
        if (name === 'claim') {
          // A bounded number of claims: a company of 1,000 has only so many open issues.
          const bounded = (scripts[name] ?? []).map((script) =>
            Array.from({ length: 12 }, () => script[0]).filter((next) => next !== undefined),
          )
          turns[index]?.push(await generator.play({ port, scripts: bounded, durationMs: 1, unit: bounded[0]?.length ?? 1 }))
          await returnIssues(sql, company.id)
        } else turns[index]?.push(await generator.play({ port, scripts: scripts[name] ?? [], durationMs: TURN_DURATION_MS / 2 }))
      }
    }
    const [left, right] = turns.map(statsOf)
    if (left !== undefined && right !== undefined) line(name, left, right, 0.5)
  }
}

/** A committed audit row joins its chain within this. */
const SEAL_DEADLINE_MS = 2000

/** Says whether sealing kept up with the fastest writing: how much was left when it ended, and how much 2 s later. */
async function measureSealing(sql: Pool): Promise<void> {
  const unsealed = async (): Promise<number> => {
    const { rows } = await sql.query<{ unsealed: number }>(
      // The floor writes into the same log, so the sealer has both sides' rows to seal.
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

/**
 * Measures wakes: how soon a program starts, how fast a queue is worked off, and the cost of an idle server.
 * @param floorRate returns the rate of the floor's checkouts; called when the server need not be idle any more
 */
async function measureRuns(api: ApiClient, sql: Pool, folder: string, floorRate: () => Promise<number | null>): Promise<void> {
  process.stdout.write('\n')
  printResult(await measureIdleQueries(sql))
  printResult(await measureWakeLatency(api, sql, folder))
  printResult(await measureDrain(api, sql, await floorRate()))
}

/** Compares the server with the floor, request by request. @returns the rate of the floor's checkouts, where they were measured */
async function compareWithFloor(
  generator: Generator,
  small: Company,
  { ports, sql }: { readonly ports: { readonly server: number; readonly baseline: number }; readonly sql: Pool },
): Promise<number | null> {
  process.stdout.write(
    `${CONNECTIONS} connections, ${ROUNDS} turns of ${TURN_DURATION_MS} ms each side, synchronous_commit=on, agents with API keys; times in ms\n`,
  )
  process.stdout.write(`${''.padEnd(32)} ${'floor'.padEnd(51)} ${'paperclip-server'.padEnd(51)} ratio\n`)
  let floorRate: number | null = null
  const comparisons = buildComparisons(small)
  for (const comparison of comparisons.filter(({ name }) => name.includes(ONLY))) {
    const [left, right] = await alternate(
      generator,
      [
        { port: ports.baseline, scripts: comparison.baseline },
        { port: ports.server, scripts: comparison.server },
      ],
      ROUNDS,
    )
    if (left !== undefined && right !== undefined) line(comparison.name, left, right, comparison.threshold)
    if (comparison.name === CHECKOUTS) {
      floorRate = left?.rate ?? null
      await measureSealing(sql)
    }
  }
  return floorRate
}

/** Compares the credentials of one read, on a server where people sign in. */
async function compareCredentials(generator: Generator, side: Parameters<typeof withCredentials>[0]): Promise<void> {
  await withCredentials(side, async (port, { agentKey, boardKey, session }) => {
    process.stdout.write(`\n${CREDENTIALS.padEnd(32)} ${'key of an agent'.padEnd(51)} ${'other credential'.padEnd(51)} ratio\n`)
    const sides = [agentKey, boardKey, session].map((scripts) => ({ port, scripts }))
    const [left, byKey, bySession] = await alternate(generator, sides, ROUNDS)
    if (left === undefined || byKey === undefined || bySession === undefined) return
    line('by key of a command line', left, byKey, CREDENTIAL_BAR)
    line('by session of a person', left, bySession, CREDENTIAL_BAR)
  })
}

/** Compares reports of spending with comments, without a hard limit and with one. */
async function compareCosts(
  { generator, port, sql }: { readonly generator: Generator; readonly port: number; readonly sql: Pool },
  free: Company,
): Promise<void> {
  const api = createApiClient(port)
  const limited = await createBenchCompany(api, sql, 'Limited', 1000)
  await limitCompany(api, limited)
  process.stdout.write(`\n${COSTS.padEnd(32)} ${'comments'.padEnd(51)} ${'cost events'.padEnd(51)} ratio\n`)
  const sides = [commentScripts(free), costScripts(free), costScripts(limited)].map((scripts) => ({ port, scripts }))
  const [comments, unlimited, behindLimit] = await alternate(generator, sides, ROUNDS)
  if (comments === undefined || unlimited === undefined || behindLimit === undefined) return
  line('without a hard limit', comments, unlimited, COST_BAR)
  // All events of the company wait for one row, so there is no bar.
  line('with a hard limit of the company', comments, behindLimit, 0)
}

/** Measures the floor alone, by which the bar of the queue is stated. */
async function measureFloor(generator: Generator, company: Company, port: number): Promise<number | null> {
  const scripts = buildComparisons(company).find(({ name }) => name === CHECKOUTS)?.baseline ?? []
  const [floor] = await alternate(generator, [{ port, scripts }], ROUNDS)
  if (floor !== undefined) process.stdout.write(`floor, ${CHECKOUTS}: ${cell(floor)}\n`)
  return floor?.rate ?? null
}

/** `npm run bench`: this server beside a floor, at two sizes of a company, and its runs. */
export async function benchAgainstFloor(): Promise<void> {
  const home = mkdtempSync(path.join(tmpdir(), 'paperclip-bench-'))
  const postgres = await startEmbedded({ home, durable: true })
  const env = {
    // The owner's login: an older checkout knows no other.
    DATABASE_URL: databaseUrlOf(postgres.ownerConnection),
    PAPERCLIP_HOME: path.join(home, 'server'),
    PORT: '0',
    // Servers of one database share it.
    PAPERCLIP_AGENT_JWT_SECRET: randomBytes(36).toString('base64url'),
    // The endpoint of the runs that do nothing is on this machine.
    PAPERCLIP_ADAPTER_ADDRESSES: '127.0.0.1',
  }
  mkdirSync(env.PAPERCLIP_HOME)
  const server = await startChild({ checkout: thisCheckout, script: 'src/main.ts', env, flags: startFlags(thisCheckout) })
  const baseline = await startChild({ checkout: thisCheckout, script: 'src/dev/bench/baseline.ts', env })
  const sql = openPool({ ...postgres.ownerConnection, max: 2, query_timeout: 0, statement_timeout: 0 })
  const generator = startGenerator()
  try {
    const api = createApiClient(server.port)
    const createSmall = (): Promise<Company> => createBenchCompany(api, sql, 'Small', 1000)
    const ports = { server: server.port, baseline: baseline.port }
    if (ONLY === 'runs')
      return await measureRuns(api, sql, home, async () => await measureFloor(generator, await createSmall(), ports.baseline))
    const small = await createSmall()
    const floorRate = await compareWithFloor(generator, small, { ports, sql })
    if (CREDENTIALS.includes(ONLY)) await compareCredentials(generator, { env, folder: home, sql })
    if (COSTS.includes(ONLY)) await compareCosts({ generator, port: server.port, sql }, small)
    process.stdout.write(`memory so far: ${residentMb(server.process.pid ?? 0)} MB\n`)
    if (ONLY !== '') return
    const large = await createBenchCompany(api, sql, 'Large', 100_000)
    await holdIssues(sql, small, 200)
    await holdIssues(sql, large, 200)
    await sql.query('vacuum analyze issues')
    await compareScale({ generator, port: server.port, sql }, small, large)
    await measureRuns(api, sql, home, () => Promise.resolve(floorRate))
    process.stdout.write(`\nmemory of the server's process: ${residentMb(server.process.pid ?? 0)} MB (bar 200)\n`)
  } finally {
    generator.stop()
    await sql.end()
    await Promise.all([stopChild(server), stopChild(baseline)])
    await postgres.stop()
    rmSync(home, { recursive: true, force: true })
  }
}
