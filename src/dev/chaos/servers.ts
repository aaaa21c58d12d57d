import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** A start takes one to three seconds on a machine that is busy; one that takes this long has failed. */
const READY_TIMEOUT_MS = 30_000
const POLL_MS = 50
/** What a server may have at work at once. */
const MAX_RUNS = '14'

/** Whether a server answers: `stopped` is there and silent, `down` has been killed and is on its way back. */
export type ServerState = 'up' | 'down' | 'stopped'

/** One of the servers, at the same port in all its lives. */
export interface Server {
  readonly name: string
  readonly url: string
  readonly state: () => ServerState
  /** 0 while it is down. */
  readonly pid: () => number
  /** SIGKILL, without a word to anybody. Resolves when it is gone. */
  kill(): Promise<void>
  /** Starts it again; resolves when it answers. */
  start(): Promise<void>
  pause(): void
  resume(): void
  /** SIGTERM. @returns its exit code, null when a signal ended it */
  shutdown(): Promise<number | null>
  /** Everything it has written to its log, in all its lives. */
  readonly log: () => string
}

export interface ServerFleetOptions {
  /** The program that is run: this one, or a copy with a fault. */
  readonly program: string
  readonly home: string
  readonly databaseUrl: string
  readonly secret: string
  readonly count: number
}

async function findFreePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  probe.close()
  await once(probe, 'close')
  return port
}

/** Servers that share one database, one secret and nothing else; they are yet to be started. */
export async function createServers(options: ServerFleetOptions): Promise<Server[]> {
  const servers: Server[] = []
  for (let index = 0; index < options.count; index += 1)
    servers.push(createServerProcess(`server ${index + 1}`, await findFreePort(), options))
  return servers
}

function createServerProcess(name: string, port: number, { program, home, databaseUrl, secret }: ServerFleetOptions): Server {
  const url = `http://127.0.0.1:${port}`
  const serverHome = path.join(home, name.replace(' ', '-'))
  const logFile = `${serverHome}.log`
  mkdirSync(serverHome)
  let child: ChildProcess | undefined
  let state: ServerState = 'down'

  const isHealthy = async (): Promise<boolean> => {
    const response = await fetch(`${url}/api/health`, { signal: AbortSignal.timeout(1000) }).catch(() => null)
    await response?.body?.cancel()
    return response?.ok === true
  }
  const isRunning = (): boolean => child !== undefined && child.exitCode === null && child.signalCode === null
  const waitForExit = async (): Promise<void> => {
    if (child !== undefined && isRunning()) await once(child, 'exit')
  }
  return {
    name,
    url,
    state: () => state,
    // A number that is free again may be somebody else's by now.
    pid: () => (isRunning() ? (child?.pid ?? 0) : 0),
    async kill() {
      state = 'down'
      child?.kill('SIGKILL')
      await waitForExit()
    },
    async start() {
      const output = openSync(logFile, 'a')
      const started = spawn(process.execPath, ['--import', 'tsx', 'src/main.ts'], {
        cwd: program,
        env: {
          PATH: process.env['PATH'],
          HOME: serverHome,
          NODE_ENV: 'production',
          PORT: String(port),
          PAPERCLIP_HOME: serverHome,
          DATABASE_URL: databaseUrl,
          PAPERCLIP_AGENT_JWT_SECRET: secret,
          PAPERCLIP_MAX_RUNS: MAX_RUNS,
          LOG_LEVEL: 'warn',
        },
        stdio: ['ignore', output, output],
      })
      closeSync(output)
      child = started
      const deadline = performance.now() + READY_TIMEOUT_MS
      while (!(await isHealthy())) {
        if (started.exitCode !== null)
          throw new Error(`${name} ends with ${started.exitCode}: ${readFileSync(logFile, 'utf8').slice(-2000)}`)
        if (performance.now() > deadline) throw new Error(`${name} does not answer`)
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
