import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { openPool } from '../../../platform/db/driver/client.ts'
import { startEmbedded } from '../../../platform/embedded/index.ts'
import type { Connection, EmbeddedPostgres } from '../../../platform/embedded/contract.ts'
import { install } from '../../compat/install.ts'
import { databaseEnvOf } from '../../testing/serverProcess.ts'
import { unmetered } from '../../testing/unmetered.ts'
import { cacheFolder } from '../cacheFolder.ts'
import { startFlags, thisCheckout } from '../children.ts'
import { cpuMs, postgresCpuMs, postmasterOf, residentMb } from '../processes.ts'
import { freePort } from '../../testing/freePort.ts'

/** The public release beside which this server is measured. */
export const PEER = 'paperclipai@2026.403.0'

/** The cost of a start until the server answered that it is healthy. */
export interface StartCost {
  readonly cpuMs: number
  readonly elapsedMs: number
  readonly memoryMb: number
}

/** A server with a durable Postgres of its own. */
export interface Side {
  readonly name: 'ours' | 'theirs'
  readonly port: number
  /** A folder that is removed when the side stops. */
  readonly folder: string
  /** Its database, as the login that owns it. */
  readonly database: Connection
  /** Processor time of the server and of its Postgres so far, in ms. */
  cpu(): { readonly server: number; readonly postgres: number }
  memoryMb(): number
  /** Stops the server in order and starts it again on its database. */
  restart(): Promise<StartCost>
  stop(): Promise<void>
}

/** How the server of a side is started. */
interface Program {
  readonly args: readonly string[]
  readonly cwd: string
  readonly env: NodeJS.ProcessEnv
}

const START_WITHIN_MS = 120_000
const STOP_WITHIN_MS = 10_000
const POLL_MS = 10

const isHealthy = async (port: number): Promise<boolean> => {
  const answer = await fetch(`http://127.0.0.1:${port}/api/health`).catch(() => null)
  await answer?.arrayBuffer()
  return answer?.ok === true
}

/** Starts a server and waits until it is healthy. Its log goes into a file, as it would in service. */
async function startProgram(program: Program, port: number, logFile: string): Promise<{ child: ChildProcess; cost: StartCost }> {
  const output = openSync(logFile, 'a')
  const startedAt = performance.now()
  const child = spawn(process.execPath, program.args, { cwd: program.cwd, env: program.env, stdio: ['ignore', output, output] })
  closeSync(output)
  const kill = (): void => void child.kill('SIGKILL')
  process.once('exit', kill)
  child.once('exit', () => process.off('exit', kill))
  while (!(await isHealthy(port))) {
    if (child.exitCode !== null || performance.now() - startedAt > START_WITHIN_MS)
      throw new Error(`the server did not start: ${readFileSync(logFile, 'utf8').slice(-3000)}`)
    await delay(POLL_MS)
  }
  const pid = child.pid ?? 0
  return { child, cost: { cpuMs: cpuMs(pid), elapsedMs: performance.now() - startedAt, memoryMb: residentMb(pid) } }
}

async function stopProgram(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_WITHIN_MS)
  await exited
  clearTimeout(timer)
}

interface SideParts {
  readonly name: Side['name']
  readonly folder: string
  readonly database: string
  readonly postgres: EmbeddedPostgres
  readonly port: number
  /** The first start may differ from later ones. */
  readonly first: Program
  readonly later: Program
}

async function startSide({ name, folder, database, postgres, port, first, later }: SideParts): Promise<Side> {
  const sql = openPool({ ...postgres.ownerConnection, max: 1 })
  const postmaster = await postmasterOf(sql)
  await sql.end()
  const logFile = path.join(folder, 'server.log')
  let { child } = await startProgram(first, port, logFile)
  return {
    name,
    port,
    folder,
    database: postgres.ownerConnection,
    cpu: () => ({ server: cpuMs(child.pid ?? 0), postgres: postgresCpuMs(postmaster) }),
    memoryMb: () => residentMb(child.pid ?? 0),
    async restart() {
      await stopProgram(child)
      const started = await startProgram(later, port, logFile)
      child = started.child
      return started.cost
    },
    async stop() {
      await stopProgram(child)
      await postgres.stop()
      for (const each of [folder, database]) rmSync(each, { recursive: true, force: true })
    },
  }
}

const newFolder = (): string => mkdtempSync(path.join(tmpdir(), 'paperclip-bench-'))

/** Starts this server as `npm start` starts it. */
export async function startOurs(): Promise<Side> {
  const [folder, database, port] = [newFolder(), newFolder(), await freePort()]
  const postgres = await startEmbedded({ home: database, durable: true })
  const env = {
    PATH: process.env['PATH'],
    HOME: folder,
    NODE_ENV: 'production',
    PAPERCLIP_HOME: path.join(folder, 'server'),
    PORT: String(port),
    ...databaseEnvOf(postgres.connection, postgres.ownerConnection),
    // The load generator is a few agents that do the work of hundreds.
    ...unmetered,
  }
  const program = { args: [...startFlags(thisCheckout), path.join(thisCheckout, 'src/launch/start.js')], cwd: thisCheckout, env }
  return startSide({ name: 'ours', folder, database, postgres, port, first: program, later: program })
}

/** Installs the release outside the project, unless an earlier bench did. @returns its command */
export function installPeer(): string {
  const folder = path.join(cacheFolder(), PEER.replace('@', '-'))
  const command = path.join(folder, 'node_modules/.bin/paperclipai')
  if (!existsSync(command)) install(PEER, folder, { optional: true })
  return command
}

/** Starts the public release by its command, in its local mode, with the connections, the log and the files that are its defaults. */
export async function startTheirs(): Promise<Side> {
  const command = installPeer()
  const [folder, database, port] = [newFolder(), newFolder(), await freePort()]
  const postgres = await startEmbedded({ home: database, durable: true })
  const { host, user, password } = postgres.ownerConnection
  const home = path.join(folder, 'home')
  mkdirSync(home)
  const env = {
    PATH: process.env['PATH'],
    HOME: home,
    NODE_ENV: 'production',
    HOST: '127.0.0.1',
    PORT: String(port),
    // Its driver takes the folder of a Unix socket from these variables, as libpq does, and not from the URL.
    DATABASE_URL: 'postgres:///postgres',
    PGHOST: host,
    PGUSER: user,
    PGPASSWORD: password,
    PAPERCLIP_OPEN_ON_LISTEN: 'false',
    DO_NOT_TRACK: '1',
  }
  const run = (...args: string[]) => ({ args: [command, ...args, '--data-dir', path.join(folder, 'data')], cwd: home, env })
  return startSide({
    name: 'theirs',
    folder,
    database,
    postgres,
    port,
    // The command sets itself up with its defaults and then starts.
    first: run('onboard', '--yes'),
    later: run('run'),
  })
}
