import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** A start takes one to three seconds on a machine that is busy; one that takes this long has failed. */
const READY_WITHIN_MS = 30_000
const LOOK_EVERY_MS = 50
/** What a server may have at work at once. */
const MAX_RUNS = '14'

/** Whether a server answers: `stopped` is there and silent, `down` has been killed and is on its way back. */
export type Standing = 'up' | 'down' | 'stopped'

/** One of the servers, at the same port in all its lives. */
export interface Server {
  readonly name: string
  readonly url: string
  readonly standing: () => Standing
  /** 0 while it is down. */
  readonly pid: () => number
  /** SIGKILL, without a word to anybody. Resolves when it is gone. */
  kill(): Promise<void>
  /** Starts it again; resolves when it answers. */
  start(): Promise<void>
  freeze(): void
  thaw(): void
  /** SIGTERM. @returns its exit code, null when a signal ended it */
  end(): Promise<number | null>
  /** Everything it has written to its log, in all its lives. */
  readonly log: () => string
}

export interface FleetOptions {
  /** The program that is run: this one, or a copy with a fault. */
  readonly program: string
  readonly home: string
  readonly databaseUrl: string
  readonly secret: string
  readonly size: number
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  probe.close()
  await once(probe, 'close')
  return port
}

/** Servers that share one database, one secret and nothing else; they are yet to be started. */
export async function assembleFleet(options: FleetOptions): Promise<Server[]> {
  const servers: Server[] = []
  for (let index = 0; index < options.size; index += 1) servers.push(serverOn(`server ${index + 1}`, await freePort(), options))
  return servers
}

function serverOn(name: string, port: number, { program, home, databaseUrl, secret }: FleetOptions): Server {
  const url = `http://127.0.0.1:${port}`
  const own = path.join(home, name.replace(' ', '-'))
  const logFile = `${own}.log`
  mkdirSync(own)
  let child: ChildProcess | undefined
  let standing: Standing = 'down'

  const isHealthy = async (): Promise<boolean> => {
    const response = await fetch(`${url}/api/health`, { signal: AbortSignal.timeout(1000) }).catch(() => null)
    await response?.body?.cancel()
    return response?.ok === true
  }
  const lives = (): boolean => child !== undefined && child.exitCode === null && child.signalCode === null
  const exited = async (): Promise<void> => {
    if (child !== undefined && lives()) await once(child, 'exit')
  }
  return {
    name,
    url,
    standing: () => standing,
    // A number that is free again may be somebody else's by now.
    pid: () => (lives() ? (child?.pid ?? 0) : 0),
    async kill() {
      standing = 'down'
      child?.kill('SIGKILL')
      await exited()
    },
    async start() {
      const output = openSync(logFile, 'a')
      const started = spawn(process.execPath, ['--import', 'tsx', 'src/main.ts'], {
        cwd: program,
        env: {
          PATH: process.env['PATH'],
          HOME: own,
          NODE_ENV: 'production',
          PORT: String(port),
          PAPERCLIP_HOME: own,
          DATABASE_URL: databaseUrl,
          PAPERCLIP_AGENT_JWT_SECRET: secret,
          PAPERCLIP_MAX_RUNS: MAX_RUNS,
          LOG_LEVEL: 'warn',
        },
        stdio: ['ignore', output, output],
      })
      closeSync(output)
      child = started
      const deadline = performance.now() + READY_WITHIN_MS
      while (!(await isHealthy())) {
        if (started.exitCode !== null)
          throw new Error(`${name} ends with ${started.exitCode}: ${readFileSync(logFile, 'utf8').slice(-2000)}`)
        if (performance.now() > deadline) throw new Error(`${name} does not answer`)
        await sleep(LOOK_EVERY_MS)
      }
      standing = 'up'
    },
    freeze() {
      standing = 'stopped'
      child?.kill('SIGSTOP')
    },
    thaw() {
      child?.kill('SIGCONT')
      standing = 'up'
    },
    async end() {
      standing = 'down'
      child?.kill('SIGTERM')
      await exited()
      return child?.exitCode ?? null
    },
    log: () => readFileSync(logFile, 'utf8'),
  }
}
