import { randomBytes, randomUUID } from 'node:crypto'
import { mkdirSync, rmSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { makeHomeOnDisk, removeHome, signalAll } from '../testing/serverProcess.ts'
import { seededRandom } from '../testing/seededRandom.ts'
import { checkoutAll } from '../testing/loadGenerator.ts'
import { startNemesis } from './nemesis.ts'
import type { FaultCounts } from './nemesisContext.ts'
import { BOARD_TOKEN, createServers } from './servers.ts'
import type { Server } from './servers.ts'
import { collectFindings } from './properties.ts'
import type { Finding, Findings } from './properties.ts'
import { openExecutionLog } from './executionLog.ts'
import type { ExecutionLog } from './executionLog.ts'
import { startLoad } from './load.ts'
import { startInvariantMonitor } from './invariantMonitor.ts'
import type { Options } from './options.ts'
import { startPostgres } from './postgres.ts'
import type { Postgres } from './postgres.ts'
import { startReaders } from './readers.ts'
import { createChaosClient } from './client.ts'
import type { ChaosClient } from './client.ts'
import { createSetup } from './setup.ts'
import type { ChaosAgent, Setup, SetupOptions } from './setup.ts'
import { checkCosts, checkCrossings, checkStops, liftLimits } from './budgetCheckers.ts'
import type { BudgetCounts } from './budgetCheckers.ts'
import {
  checkChain,
  checkCommands,
  checkDurability,
  checkLogs,
  checkOrphans,
  checkRequests,
  checkRuns,
  findMarkedProcesses,
} from './checkers.ts'

const SERVER_COUNT = 3
/** With workers; each of them is a process of its own. */
const SERVERS_OF_WORKERS = 2
/** Time limit for the end of every run after the load has stopped. */
const DRAIN_TIMEOUT_MS = 60_000
/** The same limit for a mutant. */
const SHORT_DRAIN_TIMEOUT_MS = 3000
/** How long a mutant's test continues after the first violation, so that other properties may catch the bug too. */
const AFTER_VIOLATION_MS = 3000
const POLL_MS = 250
/** Ended runs per second that a valid chaos test needs. A machine of half the usual speed reaches this number. */
const MIN_RUNS_PER_SECOND = 6

/** The result of one chaos test. */
export interface Report {
  readonly findings: readonly Finding[]
  readonly figures: Readonly<Record<string, string | number>>
  readonly elapsedSeconds: number
}

export interface ChaosTestOptions extends Options {
  /** The folder of the program that the servers run. */
  readonly program: string
  /** Stops the test soon after the first violation. Used for mutants. */
  readonly stopOnViolation: boolean
  readonly log: (line: string) => void
}

/** Runs one chaos test: setup, load with faults, drain, and the check of every property. Removes its processes and files. */
export async function runChaosTest(options: ChaosTestOptions): Promise<Report> {
  const home = makeHomeOnDisk()
  const marker = randomUUID()
  const findings = collectFindings()
  const startedAt = performance.now()
  const fleet: Server[] = []
  const cleanups: (() => Promise<unknown> | void)[] = [() => removeHome(home)]
  // Every process of the test ends with this process. Postgres ends by itself.
  const killProcesses = (): void => {
    signalAll([...fleet.flatMap((server) => server.allProcesses()), ...findMarkedProcesses(marker)], 'SIGKILL')
    rmSync(home, { recursive: true, force: true })
  }
  process.once('exit', killProcesses)
  cleanups.unshift(() => void process.off('exit', killProcesses))
  const elapsed = (): string => ((performance.now() - startedAt) / 1000).toFixed(1).padStart(6)
  try {
    const count = options.workers === 1 ? SERVER_COUNT : SERVERS_OF_WORKERS
    const postgres = await startPostgres(path.join(home, 'database'), count * options.workers)
    cleanups.push(() => postgres.stop())
    cleanups.push(() => signalAll(findMarkedProcesses(marker), 'SIGKILL'))
    const executionLog = openExecutionLog(path.join(home, 'execution-log'))
    cleanups.push(() => executionLog.close())
    const secret = randomBytes(32).toString('hex')
    mkdirSync(path.join(home, 'servers'))
    fleet.push(
      ...(await createServers({
        program: options.program,
        home: path.join(home, 'servers'),
        databaseEnv: postgres.env,
        secret,
        count,
        workers: options.workers,
      })),
    )
    cleanups.push(() => Promise.all(fleet.map((server) => server.kill())))
    // One after the other: three concurrent starts take as long.
    for (const server of fleet) await server.start()
    const log = (line: string): void => options.log(`${elapsed()} s  ${line}`)
    const figures = await runPhases({ ...options, log }, { marker, executionLog, postgres, servers: fleet, findings })
    return { findings: findings.all(), figures, elapsedSeconds: (performance.now() - startedAt) / 1000 }
  } finally {
    for (const step of cleanups.toReversed()) await step()
  }
}

/** The parts that the phases of a chaos test share. */
interface ChaosEnvironment {
  readonly marker: string
  readonly executionLog: ExecutionLog
  readonly postgres: Postgres
  readonly servers: readonly Server[]
  readonly findings: Findings
}

async function runPhases(
  options: ChaosTestOptions,
  { marker, executionLog, postgres, servers, findings }: ChaosEnvironment,
): Promise<Report['figures']> {
  const { seconds, seed, log } = options
  const client = createChaosClient(servers, seededRandom(seed + 1), findings)
  const setups = await createSetups(client, { agents: options.agents, executionLogFile: executionLog.file, marker })
  const agents = setups.flatMap((setup) => setup.agents)
  const companyIds = setups.map(({ companyId }) => companyId)
  const readers = startReaders(servers, companyIds, seededRandom(seed + 2))
  const invariantMonitor = startInvariantMonitor({ postgres, client, findings, log })
  log(`${servers.length} servers, ${agents.length} agents, ${setups.flatMap(({ hot }) => hot).length} hot issues: load starts`)
  const load = startLoad({ client, setups, executionLog, seed: seed + 1000, findings })
  const nemesis = startNemesis({ servers, postgres, findings, random: seededRandom(seed + 3), seconds, workers: options.workers, log })
  await waitForDuration(seconds, options.stopOnViolation, findings)
  await nemesis.stop()
  await load.stop()
  await checkStops(postgres, findings)
  log('load stopped; waiting for the end of every run')
  await liftLimits(postgres, client, findings)
  const isDrained = await drainRuns(postgres, client, agents, options.stopOnViolation ? SHORT_DRAIN_TIMEOUT_MS : DRAIN_TIMEOUT_MS)
  if (isDrained) await checkCheckouts(postgres, servers, findings)
  else if (!options.stopOnViolation) findings.reportViolation('enough', 'some runs did not end within the time limit')
  await pauseAgents(client, agents)
  await invariantMonitor.stop()
  log('every run has ended; checking')
  await readers.check(postgres, findings)
  await checkOrphans(marker, findings)
  for (const companyId of companyIds) await checkChain(servers, companyId, findings)
  await shutdownServers(servers, findings)
  await checkRequests(postgres, client.history, findings)
  await checkDurability(postgres, client.history, findings)
  await checkCosts(postgres, client.history, findings)
  const budgets = await checkCrossings(postgres, client.history, findings)
  const runs = await checkRuns(postgres, findings)
  await checkCommands(postgres, executionLog, findings)
  checkLogs(servers, findings)
  await checkDeadlocks(postgres, findings)
  findings.reportCoverage('answers', `${client.history.length} requests`)
  findings.reportCoverage('stopped', `${nemesis.faults.pauses} pauses`)
  const isEnough =
    runs.ended >= MIN_RUNS_PER_SECOND * seconds && hasEnoughFaults(nemesis.faults, seconds) && hasEnoughCrossings(budgets, seconds)
  if (!isEnough && !options.stopOnViolation)
    findings.reportViolation('enough', `${runs.ended} runs in ${seconds} s, ${JSON.stringify({ ...nemesis.faults, ...budgets })}`)
  findings.reportCoverage('enough', `${(runs.ended / seconds).toFixed(0)} runs/s`)
  return {
    runs: `${runs.ended} (${runs.byStatus})`,
    'commands executed': executionLog.executions.length,
    requests: client.history.length,
    'accepted requests by kind': countAcceptedByName(client),
    'lost attempts': client.lostAttempts(),
    'servers or workers killed (SIGKILL)': nemesis.faults.kills,
    'servers or workers stopped (SIGSTOP)': nemesis.faults.pauses,
    'limits crossed / raised, refusals': `${budgets.crossed} / ${budgets.raised}, ${budgets.refused}`,
    'database sessions terminated': nemesis.faults.terminated,
    'Postgres restarts / crashes': `${nemesis.faults.restarts} / ${nemesis.faults.crashes}`,
  }
}

/** Two companies: half of the agents work for one with limits. */
async function createSetups(client: ChaosClient, { agents, ...options }: Omit<SetupOptions, 'hasBudgets'>): Promise<Setup[]> {
  const each = { ...options, agents: Math.ceil(agents / 2) }
  return [await createSetup(client, { ...each, hasBudgets: false }), await createSetup(client, { ...each, hasBudgets: true })]
}

async function checkDeadlocks(postgres: Postgres, findings: Findings): Promise<void> {
  const deadlocks = await postgres.countDeadlocks()
  for (let count = 0; count < deadlocks; count += 1) findings.reportViolation('noDeadlock', 'Postgres detected a deadlock')
  findings.reportCoverage('noDeadlock', `${deadlocks} in the statistics and the log of Postgres`)
}

async function waitForDuration(seconds: number, stopOnViolation: boolean, findings: Findings): Promise<void> {
  const end = performance.now() + seconds * 1000
  while (performance.now() < end) {
    await sleep(Math.min(POLL_MS, Math.max(0, end - performance.now())))
    if (stopOnViolation && findings.hasViolations()) return await sleep(AFTER_VIOLATION_MS)
  }
}

const hasEnoughFaults = ({ kills, terminated, restarts, crashes }: FaultCounts, seconds: number): boolean =>
  seconds < 30 || (kills >= Math.floor(seconds / 10) - 2 && terminated > 0 && restarts > 0 && crashes > 0)

const hasEnoughCrossings = ({ crossed, raised }: BudgetCounts, seconds: number): boolean => seconds < 30 || (crossed > 0 && raised > 0)

const postAsBoard = (client: ChaosClient, name: string, urlPath: string) => client.send({ name, method: 'POST', path: urlPath })

/**
 * Resumes paused agents and waits until every run has ended. Cancels the runs of hanging, deaf and external agents, because
 * no server starts or ends them in time.
 * @returns whether every run ended within the time limit
 */
async function drainRuns(postgres: Postgres, client: ChaosClient, agents: readonly ChaosAgent[], timeoutMs: number): Promise<boolean> {
  const paused = await postgres.queryWithRetry<{ id: string }>(`select id from agents where status = 'paused'`)
  for (const { id } of paused) await postAsBoard(client, 'resume', `/api/agents/${id}/resume`)
  const longRunningAgentIds = agents
    .filter(({ behavior }) => behavior === 'hanging' || behavior === 'deaf' || behavior === 'external')
    .map(({ id }) => id)
  const deadline = performance.now() + timeoutMs
  while (performance.now() < deadline) {
    const unended = await postgres.queryWithRetry<{ id: string; mustCancel: boolean }>(
      `select id, agent_id = any($1::uuid[]) as "mustCancel" from heartbeat_runs where status in ('queued', 'running')`,
      [longRunningAgentIds],
    )
    if (unended.length === 0) return true
    for (const { id, mustCancel } of unended) if (mustCancel) await postAsBoard(client, 'cancel', `/api/heartbeat-runs/${id}/cancel`)
    await sleep(POLL_MS)
  }
  return false
}

/** Checks that a new run of the assignee takes each issue with one ordinary request. */
async function checkCheckouts({ sql }: Postgres, [server]: readonly Server[], findings: Findings): Promise<void> {
  for (const refusal of await checkoutAll(server?.url ?? '', sql, BOARD_TOKEN)) findings.reportViolation('takenAtOnce', refusal)
}

/** Pauses every agent, which ends its runs. */
async function pauseAgents(client: ChaosClient, agents: readonly ChaosAgent[]): Promise<void> {
  for (const { id } of agents) await postAsBoard(client, 'pause', `/api/agents/${id}/pause`)
}

/** Checks that every server exits with code 0 after SIGTERM. */
async function shutdownServers(servers: readonly Server[], findings: Findings): Promise<void> {
  const codes = await Promise.all(servers.map((server) => server.shutdown()))
  for (const [index, code] of codes.entries())
    if (code !== 0) findings.reportViolation('orderly', `${servers[index]?.name} exited with ${code}`)
}

function countAcceptedByName({ history }: ChaosClient): string {
  const counts = new Map<string, number>()
  for (const { operation, status } of history)
    if (status !== null && status < 300) counts.set(operation.name, (counts.get(operation.name) ?? 0) + 1)
  return [...counts].map(([name, count]) => `${count} ${name}`).join(', ')
}
