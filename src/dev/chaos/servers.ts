import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../testing/freePort.ts'
import { unmetered } from '../testing/unmetered.ts'

/** A start takes one to three seconds on a busy machine. A start that takes this long has failed. */
const READY_TIMEOUT_MS = 30_000
const POLL_MS = 50
/** Maximum number of concurrent runs per server. */
const MAX_RUNS = '14'

/** A server is `up`, `stopped` (SIGSTOP: its process exists and does not answer) or `down` (killed or not started). */
export type ServerState = 'up' | 'down' | 'stopped'

/** One server under test. It keeps its port across restarts. */
export interface Server {
  readonly name: string
  readonly url: string
  readonly state: () => ServerState
  /** 0 while the server is down. */
  readonly pid: () => number
  /** Sends SIGKILL. Resolves when the process has exited. */
  kill(): Promise<void>
  /** Starts the server. Resolves when it answers. @throws when the process exits or does not answer in time */
  start(): Promise<void>
  /** Sends SIGSTOP. */
  pause(): void
  /** Sends SIGCONT. */
  resume(): void
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
}

/** Starts the process of a server with a minimal environment and appends its output to the log file. */
function spawnServer({ program, serverHome, logFile, port, databaseEnv, secret }: SpawnOptions): ChildProcess {
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

function createServerProcess(name: string, port: number, { program, home, databaseEnv, secret }: ServerFleetOptions): Server {
  const url = `http://127.0.0.1:${port}`
  const serverHome = path.join(home, name.replace(' ', '-'))
  const logFile = `${serverHome}.log`
  mkdirSync(serverHome)
  let child: ChildProcess | undefined
  let state: ServerState = 'down'

  const waitForExit = async (): Promise<void> => {
    if (child !== undefined && isRunning(child)) await once(child, 'exit')
  }
  return {
    name,
    url,
    state: () => state,
    // The system may reuse the process id of an exited process.
    pid: () => (child !== undefined && isRunning(child) ? (child.pid ?? 0) : 0),
    async kill() {
      state = 'down'
      child?.kill('SIGKILL')
      await waitForExit()
    },
    async start() {
      const started = spawnServer({ program, serverHome, logFile, port, databaseEnv, secret })
      child = started
      const deadline = performance.now() + READY_TIMEOUT_MS
      while (!(await isHealthy(url))) {
        if (started.exitCode !== null)
          throw new Error(`${name} exited with ${started.exitCode}: ${readFileSync(logFile, 'utf8').slice(-2000)}`)
        if (performance.now() > deadline) {
          // A process that answers late would keep the port from the next attempt.
          await this.kill()
          throw new Error(`${name} does not answer: ${readFileSync(logFile, 'utf8').slice(-2000)}`)
        }
        await sleep(POLL_MS)
      }
      state = 'up'
    },
    pause() {
      state = 'stopped'
      child?.kill('SIGSTOP')
    },
    resume() {
      child?.kill('SIGCONT')
      state = 'up'
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
