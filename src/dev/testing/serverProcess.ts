import { spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, readFileSync, readdirSync, readlinkSync, realpathSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { onTestFinished } from 'vitest'
import type { ConnectionOptions } from '../../platform/db/driver/client.ts'
import { unmetered } from './unmetered.ts'
import { memoryFolder } from './workFolder.ts'

/** A machine is allowed to be this slow before a test gives up waiting for an event. */
const TIMEOUT_MS = 45_000
/** The first looks come at this interval. Later ones are rarer, because looking takes time from what is waited for. */
const POLL_MS = { first: 10, last: 100 }
/** A look is made each time that the whole wait has become longer by so much of itself. */
const POLL_SHARE = 1 / 50

const root = path.resolve(import.meta.dirname, '../../..')
/** The TypeScript loader, as an argument of `--import`. */
export const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href

/** How a process ended; `code` is null when a signal ended it. */
interface ProcessExit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

type LogLine = Readonly<Record<string, unknown>> & { readonly msg?: string }

/** A server as its own process, as an operator would have it. */
export interface ServerProcess {
  readonly pid: number
  /** Its PAPERCLIP_HOME. */
  readonly home: string
  /** Every line of its log so far. */
  readonly lines: readonly LogLine[]
  /** Everything that it wrote to stderr so far. */
  readonly stderr: () => string
  readonly exited: Promise<ProcessExit>
  /** The log line with this message; rejects when the process ends without having said it. */
  waitForLog(message: string): Promise<LogLine>
  /** Where it listens, once it does. */
  url(): Promise<string>
  signal(name: NodeJS.Signals): void
  /** Sends SIGKILL and waits for the end. */
  kill(): Promise<void>
  /** Sends SIGTERM and waits for the end. */
  stop(): Promise<ProcessExit>
}

export interface ServerProcessOptions {
  readonly home: string
  readonly env?: Readonly<Record<string, string>>
  /** `npm start`, as in the README, instead of node itself. */
  readonly viaNpm?: boolean
  /** Arguments of the program. */
  readonly args?: readonly string[]
  /** Open files that the server inherits, by the numbers under which it has them. */
  readonly inherited?: Readonly<Record<number, number>>
  /** JavaScript that runs in the server's process before the server. */
  readonly preload?: string
  /** The limit of open files of the server, soft and hard; that of the test unless given. */
  readonly maxOpenFiles?: number
  /** The account of the server; that of the test unless given. Only root can start a server under another account. */
  readonly account?: { readonly uid: number; readonly gid: number }
}

/** A preload with which a server finds none of these programs of the system, as on a host where they are not installed. */
export const withoutPrograms = (...names: readonly string[]): string => `
  import fs from 'node:fs'
  import path from 'node:path'
  import { syncBuiltinESMExports } from 'node:module'
  const { accessSync } = fs
  fs.accessSync = (file, ...rest) => {
    if (${JSON.stringify(names)}.includes(path.basename(String(file)))) throw Object.assign(new Error('hidden'), { code: 'ENOENT' })
    accessSync(file, ...rest)
  }
  syncBuiltinESMExports()`

/** An ordinary account that every Linux has (daemon); initdb refuses a number that is not in the list of accounts. */
export const ordinaryAccount = { uid: 1, gid: 1 }

/** Whether a test can start this program under an ordinary account: it is root, and the account may read this checkout. */
export function canStartAsOrdinary(): boolean {
  if (process.getuid?.() !== 0) return false
  const script = 'require("node:fs").readdirSync(process.argv[1])'
  const { status } = spawnSync(process.execPath, ['-e', script, import.meta.dirname], { ...ordinaryAccount, cwd: '/', stdio: 'ignore' })
  return status === 0
}

/** Polls until `look` gives something. */
export async function pollFor<T>(
  description: string,
  probe: () => Promise<T | null | undefined | false> | T | null | undefined | false,
): Promise<T> {
  const beganAt = performance.now()
  for (;;) {
    const found = await probe()
    if (found !== null && found !== undefined && found !== false) return found
    const waitedMs = performance.now() - beganAt
    if (waitedMs > TIMEOUT_MS) throw new Error(`waited in vain: ${description}`)
    await sleep(Math.min(POLL_MS.last, Math.max(POLL_MS.first, waitedMs * POLL_SHARE)))
  }
}

/** A folder for a server's home, removed with the test. */
export function temporaryHome(): string {
  const folder = makeHome()
  onTestFinished(() => removeHome(folder))
  return folder
}

/**
 * The same for several tests, in memory where there is room, as the Postgres of the tests. Passable, or a Postgres that must not be root would
 * have to live outside of it.
 */
export function makeHome(): string {
  return makePassable(memoryFolder())
}

/** The same on a disk, where what is measured depends on it. */
export const makeHomeOnDisk = (): string => makePassable(tmpdir())

function makePassable(parent: string): string {
  const folder = realpathSync(mkdtempSync(path.join(parent, 'paperclip-life-')))
  chmodSync(folder, 0o755)
  return folder
}

export async function removeHome(folder: string): Promise<void> {
  await pollFor(`no Postgres below ${folder}`, () => postgresProcessesUnder(folder).length === 0)
  rmSync(folder, { recursive: true, force: true })
}

/** Starts a server process; it is killed with the test if it still runs. Its port is the kernel's choice. */
export function startServerProcess(options: ServerProcessOptions): ServerProcess {
  const server = spawnServerProcess(options)
  onTestFinished(() => server.kill())
  return server
}

/** The streams of a child after the standard ones. */
const furtherStreams = (inherited: Readonly<Record<number, number>>) =>
  Array.from({ length: Math.max(2, ...Object.keys(inherited).map(Number)) - 2 }, (_, at) => inherited[at + 3] ?? 'ignore')

/** The command line of a server, behind that of a shell which sets its limit. */
function commandOf({ viaNpm, args = [], preload, maxOpenFiles }: ServerProcessOptions): string[] {
  const preloaded = preload === undefined ? [] : ['--import', `data:text/javascript,${encodeURIComponent(preload)}`]
  const command = viaNpm === true ? ['npm', 'start', '--silent', ...args] : [process.execPath, ...preloaded, 'src/launch/start.js', ...args]
  return maxOpenFiles === undefined ? command : ['sh', '-c', `ulimit -n ${maxOpenFiles}; exec "$0" "$@"`, ...command]
}

/** As `startChild`, for a server that outlives one test: the caller must stop it. */
export function spawnServerProcess(options: ServerProcessOptions): ServerProcess {
  const { home, env = {}, inherited = {}, account } = options
  const [file = '', ...args] = commandOf(options)
  const child = spawn(file, args, {
    cwd: root,
    env: { PATH: process.env['PATH'], HOME: home, PAPERCLIP_HOME: path.join(home, 'server'), PORT: '0', ...unmetered, ...env },
    ...account,
    // Its own group, so that whatever npm puts in between can be found and ended too.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', ...furtherStreams(inherited)],
  })
  const pid = child.pid
  if (pid === undefined || child.stdout === null || child.stderr === null) throw new Error(`${file} cannot be started`)
  const lines: LogLine[] = []
  let stderr = ''
  createInterface(child.stdout).on('line', (line) => lines.push(line.startsWith('{') ? (JSON.parse(line) as LogLine) : { msg: line }))
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  let hasExited = false
  const exited = once(child, 'close').then(([code, signal]) => {
    hasExited = true
    return { code, signal } as ProcessExit
  })

  const waitForLog: ServerProcess['waitForLog'] = (message) =>
    pollFor(`the server says "${message}"`, () => {
      const line = lines.find(({ msg }) => msg === message)
      if (line === undefined && hasExited) throw new Error(`the server ended and said only ${JSON.stringify(lines)} ${stderr}`)
      return line
    })
  const signal = (name: NodeJS.Signals): void => void child.kill(name)
  return {
    pid,
    home: path.join(home, 'server'),
    lines,
    stderr: () => stderr,
    exited,
    waitForLog,
    signal,
    url: async () => (await waitForLog('listening'))['url'] as string,
    async kill() {
      signalAll(processGroup(pid), 'SIGKILL')
      await exited
    },
    async stop() {
      signal('SIGTERM')
      return await exited
    },
  }
}

const listPids = (): number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)

const orEmpty = (probe: () => string): string => {
  try {
    return probe()
  } catch {
    return ''
  }
}

const statOf = (pid: number): string[] =>
  orEmpty(() => readFileSync(`/proc/${pid}/stat`, 'utf8'))
    .split(') ')
    .at(-1)
    ?.split(' ') ?? []

/** The kernel counts processor time in hundredths of a second. */
const TICK_MS = 10

/** Processor time of processes and of their children that have ended, in ms. */
export const cpuMsOf = (list: readonly number[]): number =>
  list.flatMap((pid) => statOf(pid).slice(11, 15).map(Number)).reduce((sum, ticks) => sum + ticks * TICK_MS, 0)

/** The living processes of a group: a server, and npm and its shell where they started it. */
export const processGroup = (leader: number): number[] =>
  listPids().filter((pid) => {
    const [state, , group] = statOf(pid)
    return Number(group) === leader && state !== 'Z'
  })

/** Every process of Postgres that works below a folder, backends included. */
export function postgresProcessesUnder(folder: string): number[] {
  const realFolder = orEmpty(() => realpathSync(folder))
  return realFolder === ''
    ? []
    : listPids().filter((pid) => `${orEmpty(() => readlinkSync(`/proc/${pid}/cwd`))}/`.startsWith(`${realFolder}/`))
}

/** Sends a signal to processes, some of which may have ended since they were listed. */
export function signalAll(list: readonly number[], name: NodeJS.Signals): void {
  for (const pid of list) {
    try {
      process.kill(pid, name)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }
}

/** The same database as the URL that a server expects. */
export const databaseUrlOf = ({ host, port, user, password, database }: ConnectionOptions): string =>
  `postgres://${user}:${encodeURIComponent(typeof password === 'string' ? password : '')}@localhost:${port}/${database ?? 'postgres'}?host=${encodeURIComponent(host ?? '')}`

/** The owner's login of the embedded database of a home, as an operator finds it. */
export const embeddedOwnerOf = (home: string): ConnectionOptions => ({
  host: path.join(home, 'socket'),
  port: 5432,
  user: 'postgres',
  password: readFileSync(path.join(home, 'database-owner-password'), 'utf8').trim(),
  database: 'postgres',
})

/** The secret of the servers of a test that share a database, each with a home of its own. */
const SHARED_SECRET = randomBytes(36).toString('base64url')

/** The variables of a server that works with the application's login and migrates with the owner's. */
export const databaseEnvOf = (connection: ConnectionOptions, owner: ConnectionOptions): Record<string, string> => ({
  DATABASE_URL: databaseUrlOf(connection),
  DATABASE_OWNER_URL: databaseUrlOf(owner),
  PAPERCLIP_AGENT_JWT_SECRET: SHARED_SECRET,
})

export interface Reply {
  readonly status: number
  readonly ms: number
  // Bodies differ by route and are asserted on by the tests themselves.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly body: any
  readonly retryAfter: string | null
}

/** One request and how long its answer took. */
export async function send(url: string, method = 'GET', body?: unknown, token?: string): Promise<Reply> {
  const startedAt = performance.now()
  const response = await fetch(url, {
    method,
    headers: {
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  })
  const text = await response.text()
  return {
    status: response.status,
    ms: performance.now() - startedAt,
    body: text === '' ? null : JSON.parse(text),
    retryAfter: response.headers.get('retry-after'),
  }
}
