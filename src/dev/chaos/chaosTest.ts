import { randomBytes, randomUUID } from 'node:crypto'
import { mkdirSync, rmSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { makeHome, removeHome, signalAll } from '../testing/serverProcess.ts'
import { seededRandom } from '../testing/seededRandom.ts'
import { checkoutAll } from '../testing/loadGenerator.ts'
import { startNemesis } from './nemesis.ts'
import type { FaultCounts } from './nemesis.ts'
import { createServers } from './servers.ts'
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
import type { Setup } from './setup.ts'
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
/** How long what is queued may take to be worked off once nothing more is asked for. */
const DRAIN_TIMEOUT_MS = 60_000
/** The same where a fault has been found, and only who else finds it is of interest. */
const SHORT_DRAIN_TIMEOUT_MS = 3000
/** How much more of a planted fault is waited for once it has shown. */
const AFTER_VIOLATION_MS = 3000
const POLL_MS = 250
/** Runs that must end in a second for the torture to be one; a machine half as fast still makes them. */
const MIN_RUNS_PER_SECOND = 6

export interface Report {
  readonly findings: readonly Finding[]
  readonly figures: Readonly<Record<string, string | number>>
  readonly elapsedSeconds: number
}

export interface ChaosTestOptions extends Options {
  /** The folder of the program that the servers run. */
  readonly program: string
  /** Ends soon after the first fault: what is looked for is whether there is one. */
  readonly stopOnViolation: boolean
  readonly log: (line: string) => void
}

/** One whole torture: sets the scene, lets load and blows loose, waits until all is over, and judges. */
export async function runChaosTest(options: ChaosTestOptions): Promise<Report> {
  const home = makeHome()
  const marker = randomUUID()
  const findings = collectFindings()
  const startedAt = performance.now()
  const fleet: Server[] = []
  const cleanups: (() => Promise<unknown> | void)[] = [() => removeHome(home)]
  // However this process ends, what it has started ends with it; Postgres does so by itself.
  const killEverything = (): void => {
    signalAll([...fleet.map((server) => server.pid()).filter((pid) => pid !== 0), ...findMarkedProcesses(marker)], 'SIGKILL')
    rmSync(home, { recursive: true, force: true })
  }
  process.once('exit', killEverything)
  cleanups.unshift(() => void process.off('exit', killEverything))
  const elapsed = (): string => ((performance.now() - startedAt) / 1000).toFixed(1).padStart(6)
  try {
    const postgres = await startPostgres(path.join(home, 'database'))
    cleanups.push(() => postgres.stop())
    cleanups.push(() => signalAll(findMarkedProcesses(marker), 'SIGKILL'))
    const executionLog = openExecutionLog(path.join(home, 'ledger'))
    cleanups.push(() => executionLog.close())
    const secret = randomBytes(32).toString('hex')
    mkdirSync(path.join(home, 'servers'))
    fleet.push(
      ...(await createServers({
        program: options.program,
        home: path.join(home, 'servers'),
        databaseUrl: postgres.url,
        secret,
        count: SERVER_COUNT,
      })),
    )
    cleanups.push(() => Promise.all(fleet.map((server) => server.kill())))
    // One after the other: three that read their program at once take as long.
    for (const server of fleet) await server.start()
    const log = (line: string): void => options.log(`${elapsed()} s  ${line}`)
    const figures = await runPhases({ ...options, log }, { marker, executionLog, postgres, servers: fleet, findings })
    return { findings: findings.all(), figures, elapsedSeconds: (performance.now() - startedAt) / 1000 }
  } finally {
    for (const step of cleanups.toReversed()) await step()
  }
}

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
  const setup = await createSetup(client, options.agents, executionLog.file, marker)
  const readers = startReaders(servers, setup.companyId, seededRandom(seed + 2))
  const invariantMonitor = startInvariantMonitor(postgres, client, findings, log)
  log(`${servers.length} servers, ${setup.agents.length} agents, ${setup.hot.length} hot issues: the load begins`)
  const load = startLoad({ requests: client, setup, executionLog, seed: seed + 1000, findings })
  const nemesis = startNemesis({ servers, postgres, findings, random: seededRandom(seed + 3), seconds, log })
  await waitUntilOver(seconds, options.stopOnViolation, findings)
  await nemesis.stop()
  await load.stop()
  log('the load ends; what is queued is worked off')
  const isDrained = await drainRuns(postgres, client, setup, options.stopOnViolation ? SHORT_DRAIN_TIMEOUT_MS : DRAIN_TIMEOUT_MS)
  if (isDrained) await checkCheckouts(postgres, servers, findings)
  else if (!options.stopOnViolation) findings.reportViolation('enough', 'what was queued has not been worked off')
  await pauseAgents(client, setup)
  await invariantMonitor.stop()
  log('everything has ended')
  await readers.check(postgres, findings)
  await checkOrphans(marker, findings)
  await checkChain(servers, setup.companyId, findings)
  await shutdownServers(servers, findings)
  await checkRequests(postgres, client.history, findings)
  await checkDurability(postgres, client.history, findings)
  const runs = await checkRuns(postgres, findings)
  await checkCommands(postgres, executionLog, findings)
  checkLogs(servers, findings)
  const deadlocks = await postgres.countDeadlocks()
  for (let count = 0; count < deadlocks; count += 1) findings.reportViolation('noDeadlock', 'Postgres has broken a deadlock')
  findings.reportCoverage('noDeadlock', `${deadlocks} by the statistics and the log of Postgres`)
  findings.reportCoverage('answers', `${client.history.length} requests`)
  findings.reportCoverage('stopped', `${nemesis.faults.pauses} times`)
  const isEnough = runs.ended >= MIN_RUNS_PER_SECOND * seconds && hasEnoughFaults(nemesis.faults, seconds)
  if (!isEnough && !options.stopOnViolation)
    findings.reportViolation('enough', `${runs.ended} runs in ${seconds} s, ${JSON.stringify(nemesis.faults)}`)
  findings.reportCoverage('enough', `${(runs.ended / seconds).toFixed(0)} runs/s`)
  return {
    runs: `${runs.ended} (${runs.byStatus})`,
    'commands executed': executionLog.executions.length,
    client: client.history.length,
    'accepted, by kind': countAcceptedByName(client),
    'tries lost': client.lostAttempts(),
    'servers killed': nemesis.faults.kills,
    'servers stopped and continued': nemesis.faults.pauses,
    'sessions of Postgres ended': nemesis.faults.terminated,
    'Postgres restarted / killed': `${nemesis.faults.restarts} / ${nemesis.faults.crashes}`,
  }
}

async function waitUntilOver(seconds: number, stopOnViolation: boolean, findings: Findings): Promise<void> {
  const end = performance.now() + seconds * 1000
  while (performance.now() < end) {
    await sleep(Math.min(POLL_MS, Math.max(0, end - performance.now())))
    if (stopOnViolation && findings.hasViolations()) return await sleep(AFTER_VIOLATION_MS)
  }
}

const hasEnoughFaults = ({ kills, terminated, restarts, crashes }: FaultCounts, seconds: number): boolean =>
  seconds < 30 || (kills >= Math.floor(seconds / 10) - 2 && terminated > 0 && restarts > 0 && crashes > 0)

const postAsBoard = (client: ChaosClient, name: string, urlPath: string) => client.send({ name, method: 'POST', path: urlPath })

/**
 * Lets everything that waits have its run. Runs that would go on for ever, and those that nobody starts, are cancelled.
 * @returns whether everything has ended in time
 */
async function drainRuns(postgres: Postgres, client: ChaosClient, setup: Setup, timeoutMs: number): Promise<boolean> {
  const paused = await postgres.queryWithRetry<{ id: string }>(`select id from agents where status = 'paused'`)
  for (const { id } of paused) await postAsBoard(client, 'resume', `/api/agents/${id}/resume`)
  const longRunningAgentIds = setup.agents
    .filter(({ behavior: nature }) => nature === 'hanging' || nature === 'deaf' || nature === 'external')
    .map(({ id }) => id)
  const deadline = performance.now() + timeoutMs
  while (performance.now() < deadline) {
    const unended = await postgres.queryWithRetry<{ id: string; waits: boolean }>(
      `select id, agent_id = any($1::uuid[]) as waits from heartbeat_runs where status in ('queued', 'running')`,
      [longRunningAgentIds],
    )
    if (unended.length === 0) return true
    for (const { id, waits } of unended) if (waits) await postAsBoard(client, 'cancel', `/api/heartbeat-runs/${id}/cancel`)
    await sleep(POLL_MS)
  }
  return false
}

/** Every issue can be taken by one ordinary request of a fresh run of its assignee. */
async function checkCheckouts({ sql }: Postgres, [server]: readonly Server[], findings: Findings): Promise<void> {
  for (const refusal of await checkoutAll(server?.url ?? '', sql)) findings.reportViolation('takenAtOnce', refusal)
}

/** Pauses every agent, which ends whatever it has. */
async function pauseAgents(client: ChaosClient, { agents }: Setup): Promise<void> {
  for (const { id } of agents) await postAsBoard(client, 'pause', `/api/agents/${id}/pause`)
}

async function shutdownServers(servers: readonly Server[], findings: Findings): Promise<void> {
  const codes = await Promise.all(servers.map((server) => server.shutdown()))
  for (const [index, code] of codes.entries())
    if (code !== 0) findings.reportViolation('orderly', `${servers[index]?.name} ends with ${code}`)
}

function countAcceptedByName({ history }: ChaosClient): string {
  const counts = new Map<string, number>()
  for (const { operation, status } of history)
    if (status !== null && status < 300) counts.set(operation.name, (counts.get(operation.name) ?? 0) + 1)
  return [...counts].map(([name, count]) => `${count} ${name}`).join(', ')
}
