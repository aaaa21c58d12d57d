import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { RUNNING_FILE } from '../../platform/home/runningServer.ts'
import { freePort } from '../testing/freePort.ts'
import { unmetered } from '../testing/unmetered.ts'

/** A start takes one to three seconds on a busy machine. A start that takes this long has failed. */
const READY_TIMEOUT_MS = 30_000
/** The first worker starts alone, then the others at once. */
const WORKERS_READY_TIMEOUT_MS = 90_000
const POLL_MS = 50
/** A worker ends at once when its server is killed. */
const ORPHAN_TIMEOUT_MS = 2000
/** Maximum number of concurrent runs per server. */
const MAX_RUNS = '14'

/** A server is `up`, `stopped` (SIGSTOP: its process exists and does not answer) or `down` (killed or not started). */
export type ServerState = 'up' | 'down' | 'stopped'

/** One server under test. It keeps its port across restarts. */
export interface Server {
  readonly name: string
  readonly url: string
  readonly state: () => ServerState
  /** The processes that execute runs: the server itself, or its workers; none while it is down. */
  readonly processes: () => readonly number[]
  /** Every process of the server. */
  readonly allProcesses: () => readonly number[]
  /** Sends SIGKILL. Resolves when the process has exited. */
  kill(): Promise<void>
  /** Starts the server. Resolves when it answers. @throws when the process exits or does not answer in time */
  start(): Promise<void>
  /** Sends SIGKILL to a worker, which the server starts again. */
  killWorker(pid: number): void
  /** Sends SIGSTOP to one of `processes`. A server whose worker is stopped goes on with the others. */
  pause(pid: number): void
  /** Sends SIGCONT, unless the process has ended. */
  resume(pid: number): void
  /** Sends SIGTERM. @returns the exit code, null when a signal ended the process */
  shutdown(): Promise<number | null>
  /** The log of all starts of this server. */
  readonly log: () => string
}

export interface ServerFleetOptions {
  /** The folder of the program to run: the unchanged program or a mutant. */
  readonly program: string
  readonly home: string
  readonly databaseEnv: Readonly<Record<string, string>>
  readonly secret: string
  readonly count: number
  /** Processes of each server. */
  readonly workers: number
}

/** Creates servers that share only the database and the secret. The caller starts them. */
export async function createServers(options: ServerFleetOptions): Promise<Server[]> {
  const servers: Server[] = []
  for (let index = 0; index < options.count; index += 1) servers.push(createServerProcess(`server ${index + 1}`, await freePort(), options))
  return servers
}

/** The credential of the board: without isolation a server that is root asks for it. */
export const BOARD_TOKEN = 'pcb_chaos-7f0c2d9ab4e85163-of-the-test'

interface SpawnOptions {
  readonly program: string
  readonly serverHome: string
  readonly logFile: string
  readonly port: number
  readonly databaseEnv: Readonly<Record<string, string>>
  readonly secret: string
  readonly workers: number
}

/** Starts the process of a server with a minimal environment and appends its output to the log file. */
function spawnServer({ program, serverHome, logFile, port, databaseEnv, secret, workers }: SpawnOptions): ChildProcess {
  const output = openSync(logFile, 'a')
  const child = spawn(process.execPath, ['src/launch/start.js'], {
    cwd: program,
    env: {
      PATH: process.env['PATH'],
      HOME: serverHome,
      NODE_ENV: 'production',
      PORT: String(port),
      PAPERCLIP_HOME: serverHome,
      ...databaseEnv,
      PAPERCLIP_AGENT_JWT_SECRET: secret,
      PAPERCLIP_MAX_RUNS: MAX_RUNS,
      PAPERCLIP_WORKERS: String(workers),
      ...unmetered,
      // The commands of the chaos test write one file of this host, and are counted among its processes.
      PAPERCLIP_AGENT_ISOLATION: 'none',
      PAPERCLIP_BOARD_TOKEN: BOARD_TOKEN,
      LOG_LEVEL: 'warn',
    },
    stdio: ['ignore', output, output],
  })
  closeSync(output)
  return child
}

async function isHealthy(url: string): Promise<boolean> {
  const response = await fetch(`${url}/api/health`, { signal: AbortSignal.timeout(1000) }).catch(() => null)
  await response?.body?.cancel()
  return response?.ok === true
}

const isRunning = (child: ChildProcess): boolean => child.exitCode === null && child.signalCode === null

const orEmpty = (file: string): string => {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

/** Only a worker is started with this option. */
const isWorker = (pid: number): boolean => orEmpty(`/proc/${pid}/cmdline`).includes('--enable-source-maps')

const workersOf = (pid: number): number[] => orEmpty(`/proc/${pid}/task/${pid}/children`).split(' ').map(Number).filter(isWorker)

/** Whether the server of a process has announced itself, which it does when all of its workers serve. */
const isAnnounced = (serverHome: string, pid: number): boolean => orEmpty(path.join(serverHome, RUNNING_FILE)).includes(`"pid":${pid}}`)

const signalIfThere = (pid: number, signal: NodeJS.Signals): void => {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** Waits for the workers of a server that was killed. They end by themselves, but one that is stopped, which would keep the port. */
async function untilEnded(workers: readonly number[]): Promise<void> {
  const deadline = performance.now() + ORPHAN_TIMEOUT_MS
  while (workers.some(isWorker)) {
    if (performance.now() > deadline) for (const each of workers.filter(isWorker)) signalIfThere(each, 'SIGKILL')
    await sleep(POLL_MS)
  }
}

const lastLines = (file: string): string => readFileSync(file, 'utf8').slice(-2000)

function createServerProcess(name: string, port: number, { program, home, databaseEnv, secret, workers }: ServerFleetOptions): Server {
  const url = `http://127.0.0.1:${port}`
  const serverHome = path.join(home, name.replace(' ', '-'))
  const logFile = `${serverHome}.log`
  mkdirSync(serverHome)
  let child: ChildProcess | undefined
  let state: ServerState = 'down'
  // The system may reuse the process id of an exited process.
  const pid = (): number => (child !== undefined && isRunning(child) ? (child.pid ?? 0) : 0)
  const processes = (): number[] => (pid() === 0 ? [] : workers === 1 ? [pid()] : workersOf(pid()))

  const waitForExit = async (): Promise<void> => {
    if (child !== undefined && isRunning(child)) await once(child, 'exit')
  }
  return {
    name,
    url,
    state: () => state,
    processes,
    allProcesses: () => (pid() === 0 ? [] : [...new Set([pid(), ...processes()])]),
    async kill() {
      state = 'down'
      const orphaned = workers === 1 ? [] : processes()
      child?.kill('SIGKILL')
      await waitForExit()
      await untilEnded(orphaned)
    },
    killWorker: (worker) => signalIfThere(worker, 'SIGKILL'),
    async start() {
      const started = spawnServer({ program, serverHome, logFile, port, databaseEnv, secret, workers })
      child = started
      const deadline = performance.now() + (workers === 1 ? READY_TIMEOUT_MS : WORKERS_READY_TIMEOUT_MS)
      while (!((workers === 1 || isAnnounced(serverHome, started.pid ?? 0)) && (await isHealthy(url)))) {
        if (started.exitCode !== null) throw new Error(`${name} exited with ${started.exitCode}: ${lastLines(logFile)}`)
        if (performance.now() > deadline) {
          // A process that answers late would keep the port from the next attempt.
          await this.kill()
          throw new Error(`${name} does not answer: ${lastLines(logFile)}`)
        }
        await sleep(POLL_MS)
      }
      state = 'up'
    },
    pause(stopped) {
      if (workers === 1) state = 'stopped'
      signalIfThere(stopped, 'SIGSTOP')
    },
    resume(stopped) {
      if (processes().includes(stopped)) signalIfThere(stopped, 'SIGCONT')
      if (state === 'stopped') state = 'up'
    },
    async shutdown() {
      state = 'down'
      child?.kill('SIGTERM')
      await waitForExit()
      return child?.exitCode ?? null
    },
    log: () => readFileSync(logFile, 'utf8'),
  }
}
