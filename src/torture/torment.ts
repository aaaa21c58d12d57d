import { randomBytes, randomUUID } from 'node:crypto'
import { mkdirSync, rmSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { makeHome, removeHome, signalAll } from '../testing/child.ts'
import { dice } from '../testing/dice.ts'
import { takeAll } from '../testing/torture.ts'
import { startChaos } from './chaos.ts'
import type { Blows } from './chaos.ts'
import { assembleFleet } from './fleet.ts'
import type { Server } from './fleet.ts'
import { collectFindings } from './laws.ts'
import type { Finding, Findings } from './laws.ts'
import { openLedger } from './ledger.ts'
import type { Ledger } from './ledger.ts'
import { startLoad } from './load.ts'
import { startMonitor } from './monitor.ts'
import type { Options } from './options.ts'
import { startPostgres } from './postgres.ts'
import type { Postgres } from './postgres.ts'
import { startReaders } from './readers.ts'
import { createRequests } from './requests.ts'
import type { Requests } from './requests.ts'
import { setScene } from './scene.ts'
import type { Scene } from './scene.ts'
import { judgeChain, judgeCommands, judgeKept, judgeLogs, judgeOrphans, judgeRequests, judgeRuns, processesMarked } from './verdict.ts'

const SERVERS = 3
/** How long what is queued may take to be worked off once nothing more is asked for. */
const WORKED_OFF_WITHIN_MS = 60_000
/** The same where a fault has been found, and only who else finds it is of interest. */
const HURRY_MS = 3000
/** How much more of a planted fault is waited for once it has shown. */
const MORE_MS = 3000
const LOOK_EVERY_MS = 250
/** Runs that must end in a second for the torture to be one; a machine half as fast still makes them. */
const RUNS_PER_SECOND = 6

export interface Report {
  readonly findings: readonly Finding[]
  readonly figures: Readonly<Record<string, string | number>>
  readonly elapsedSeconds: number
}

export interface Torment extends Options {
  /** The folder of the program that the servers run. */
  readonly program: string
  /** Ends soon after the first fault: what is looked for is whether there is one. */
  readonly untilBroken: boolean
  readonly say: (line: string) => void
}

/** One whole torture: sets the scene, lets load and blows loose, waits until all is over, and judges. */
export async function torment(options: Torment): Promise<Report> {
  const home = makeHome()
  const mark = randomUUID()
  const findings = collectFindings()
  const begun = performance.now()
  const fleet: Server[] = []
  const undo: (() => Promise<unknown> | void)[] = [() => removeHome(home)]
  // However this process ends, what it has started ends with it; Postgres does so by itself.
  const leaveNothing = (): void => {
    signalAll([...fleet.map((server) => server.pid()).filter((pid) => pid !== 0), ...processesMarked(mark)], 'SIGKILL')
    rmSync(home, { recursive: true, force: true })
  }
  process.once('exit', leaveNothing)
  undo.unshift(() => void process.off('exit', leaveNothing))
  const elapsed = (): string => ((performance.now() - begun) / 1000).toFixed(1).padStart(6)
  try {
    const postgres = await startPostgres(path.join(home, 'database'))
    undo.push(() => postgres.stop())
    undo.push(() => signalAll(processesMarked(mark), 'SIGKILL'))
    const ledger = openLedger(path.join(home, 'ledger'))
    undo.push(() => ledger.close())
    const secret = randomBytes(32).toString('hex')
    mkdirSync(path.join(home, 'servers'))
    fleet.push(
      ...(await assembleFleet({
        program: options.program,
        home: path.join(home, 'servers'),
        databaseUrl: postgres.url,
        secret,
        size: SERVERS,
      })),
    )
    undo.push(() => Promise.all(fleet.map((server) => server.kill())))
    // One after the other: three that read their program at once take as long.
    for (const server of fleet) await server.start()
    const say = (line: string): void => options.say(`${elapsed()} s  ${line}`)
    const figures = await play({ ...options, say }, { mark, ledger, postgres, servers: fleet, findings })
    return { findings: findings.all(), figures, elapsedSeconds: (performance.now() - begun) / 1000 }
  } finally {
    for (const step of undo.toReversed()) await step()
  }
}

interface Stage {
  readonly mark: string
  readonly ledger: Ledger
  readonly postgres: Postgres
  readonly servers: readonly Server[]
  readonly findings: Findings
}

async function play(options: Torment, { mark, ledger, postgres, servers, findings }: Stage): Promise<Report['figures']> {
  const { seconds, seed, say } = options
  const requests = createRequests(servers, dice(seed + 1), findings)
  const scene = await setScene(requests, options.agents, ledger.file, mark)
  const readers = startReaders(servers, scene.companyId, dice(seed + 2))
  const monitor = startMonitor(postgres, requests, findings, say)
  say(`${servers.length} servers, ${scene.agents.length} agents, ${scene.hot.length} hot issues: the load begins`)
  const load = startLoad({ requests, scene, ledger, seed: seed + 1000, findings })
  const chaos = startChaos({ servers, postgres, findings, chance: dice(seed + 3), seconds, say })
  await untilOver(seconds, options.untilBroken, findings)
  await chaos.stop()
  await load.stop()
  say('the load ends; what is queued is worked off')
  const isWorkedOff = await workOff(postgres, requests, scene, options.untilBroken ? HURRY_MS : WORKED_OFF_WITHIN_MS)
  if (isWorkedOff) await takeEverything(postgres, servers, findings)
  else if (!options.untilBroken) findings.fault('enough', 'what was queued has not been worked off')
  await standDown(requests, scene)
  await monitor.stop()
  say('everything has ended')
  await readers.judge(postgres, findings)
  await judgeOrphans(mark, findings)
  await judgeChain(servers, scene.companyId, findings)
  await endServers(servers, findings)
  await judgeRequests(postgres, requests.deeds, findings)
  await judgeKept(postgres, requests.deeds, findings)
  const runs = await judgeRuns(postgres, findings)
  await judgeCommands(postgres, ledger, findings)
  judgeLogs(servers, findings)
  const deadlocks = await postgres.deadlocks()
  for (let count = 0; count < deadlocks; count += 1) findings.fault('noDeadlock', 'Postgres has broken a deadlock')
  findings.saw('noDeadlock', `${deadlocks} by the statistics and the log of Postgres`)
  findings.saw('answers', `${requests.deeds.length} requests`)
  findings.saw('stopped', `${chaos.blows.stops} times`)
  const isEnough = runs.ended >= RUNS_PER_SECOND * seconds && hasBlows(chaos.blows, seconds)
  if (!isEnough && !options.untilBroken) findings.fault('enough', `${runs.ended} runs in ${seconds} s, ${JSON.stringify(chaos.blows)}`)
  findings.saw('enough', `${(runs.ended / seconds).toFixed(0)} runs/s`)
  return {
    runs: `${runs.ended} (${runs.byStatus})`,
    'commands executed': ledger.executed.length,
    requests: requests.deeds.length,
    'accepted, by kind': tally(requests),
    'tries lost': requests.lost(),
    'servers killed': chaos.blows.kills,
    'servers stopped and continued': chaos.blows.stops,
    'sessions of Postgres ended': chaos.blows.terminated,
    'Postgres restarted / killed': `${chaos.blows.restarts} / ${chaos.blows.crashes}`,
  }
}

async function untilOver(seconds: number, untilBroken: boolean, findings: Findings): Promise<void> {
  const end = performance.now() + seconds * 1000
  while (performance.now() < end) {
    await sleep(Math.min(LOOK_EVERY_MS, Math.max(0, end - performance.now())))
    if (untilBroken && findings.isBroken()) return await sleep(MORE_MS)
  }
}

const hasBlows = ({ kills, terminated, restarts, crashes }: Blows, seconds: number): boolean =>
  seconds < 30 || (kills >= Math.floor(seconds / 10) - 2 && terminated > 0 && restarts > 0 && crashes > 0)

const board = (requests: Requests, name: string, where: string) => requests.send({ name, method: 'POST', path: where })

/**
 * Lets everything that waits have its run. Runs that would go on for ever, and those that nobody starts, are cancelled.
 * @returns whether everything has ended in time
 */
async function workOff(postgres: Postgres, requests: Requests, scene: Scene, withinMs: number): Promise<boolean> {
  const paused = await postgres.ask<{ id: string }>(`select id from agents where status = 'paused'`)
  for (const { id } of paused) await board(requests, 'resume', `/api/agents/${id}/resume`)
  const patient = scene.agents
    .filter(({ nature }) => nature === 'hanging' || nature === 'deaf' || nature === 'external')
    .map(({ id }) => id)
  const deadline = performance.now() + withinMs
  while (performance.now() < deadline) {
    const unended = await postgres.ask<{ id: string; waits: boolean }>(
      `select id, agent_id = any($1::uuid[]) as waits from heartbeat_runs where status in ('queued', 'running')`,
      [patient],
    )
    if (unended.length === 0) return true
    for (const { id, waits } of unended) if (waits) await board(requests, 'cancel', `/api/heartbeat-runs/${id}/cancel`)
    await sleep(LOOK_EVERY_MS)
  }
  return false
}

/** Every issue can be taken by one ordinary request of a fresh run of its assignee. */
async function takeEverything({ sql }: Postgres, [server]: readonly Server[], findings: Findings): Promise<void> {
  for (const refusal of await takeAll(server?.url ?? '', sql)) findings.fault('takenAtOnce', refusal)
}

/** Pauses every agent, which ends whatever it has. */
async function standDown(requests: Requests, { agents }: Scene): Promise<void> {
  for (const { id } of agents) await board(requests, 'pause', `/api/agents/${id}/pause`)
}

async function endServers(servers: readonly Server[], findings: Findings): Promise<void> {
  const codes = await Promise.all(servers.map((server) => server.end()))
  for (const [index, code] of codes.entries()) if (code !== 0) findings.fault('orderly', `${servers[index]?.name} ends with ${code}`)
}

function tally({ deeds }: Requests): string {
  const counts = new Map<string, number>()
  for (const { wish, status } of deeds) if (status !== null && status < 300) counts.set(wish.name, (counts.get(wish.name) ?? 0) + 1)
  return [...counts].map(([name, count]) => `${count} ${name}`).join(', ')
}
