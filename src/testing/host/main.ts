// The host of test servers: one process for all test processes of a run, with one Postgres. It is started by the first of them and ends with
// the last. Nothing of the program imports it.

import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { availableParallelism } from 'node:os'
import path from 'node:path'
import { openPool } from '../../platform/db/driver/client.ts'
import { createLane } from '../../platform/db/lane.ts'
import { isProcessAlive } from '../../platform/kernel/processAlive.ts'
import type { Pointer, StartLine } from '../protocol.ts'
import { startTestCluster } from './cluster.ts'
import { openControl } from './control.ts'
import { createDatabases } from './databases.ts'
import { startJanitor } from './janitor.ts'

/** How long a host without a test process waits for the next one, while the run goes on. In milliseconds. */
const LINGER_MS = 2000
/** How long it waits for the first one. */
const FIRST_MS = 15_000
const CHECK_MS = 200
/** How long a server waits until those before it have started, in milliseconds. */
const START_WAIT_MS = 600_000
/** Databases that are made or removed at once. */
const ADMIN_CONNECTIONS = 2

const [parent = '', pointer = '', treePid = ''] = process.argv.slice(2)
const isRoot = process.getuid?.() === 0

const say = (line: StartLine): void => void process.stdout.write(`${JSON.stringify(line)}\n`)

function ignoring(work: () => void): void {
  try {
    work()
  } catch {}
}

function makeFolder(): string {
  const folder = mkdtempSync(path.join(parent, 'h-'))
  // Under root Postgres has an account of its own, which passes through.
  chmodSync(folder, isRoot ? 0o711 : 0o700)
  for (const name of ['c', 'servers']) mkdirSync(path.join(folder, name), { mode: 0o700 })
  return folder
}

/** Other processes of the tree find this host by it. It appears whole. */
function publish(content: Pointer): void {
  const partial = `${pointer}.${randomBytes(4).toString('hex')}`
  writeFileSync(partial, JSON.stringify(content), { mode: 0o600 })
  renameSync(partial, pointer)
}

function withdraw(socket: string): void {
  ignoring(() => {
    if ((JSON.parse(readFileSync(pointer, 'utf8')) as Pointer).socket === socket) unlinkSync(pointer)
  })
}

/** Removes the locks of processes that were killed while they started a host. */
function removeDeadLocks(): void {
  for (const name of readdirSync(parent).filter((each) => each.endsWith('.lock'))) {
    const lock = path.join(parent, name)
    ignoring(() => {
      const holder = Number(readFileSync(lock, 'utf8'))
      if (holder > 0 && !isProcessAlive(holder)) unlinkSync(lock)
    })
  }
}

async function run(): Promise<void> {
  const folder = makeFolder()
  const janitor = startJanitor(folder, pointer, parent)
  const cleanUp = (): void => {
    ignoring(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))
    ignoring(removeDeadLocks)
    // Another host may have its folder there.
    ignoring(() => rmdirSync(parent))
    janitor.dismiss()
  }
  try {
    const cluster = await startTestCluster({ home: path.join(folder, 'pg') })
    // Nothing here has a limit: a hundred test files may wait for their databases.
    const limits = { statement_timeout: 0, query_timeout: 0, connectionTimeoutMillis: 0, connectTimeoutMs: 0 }
    const admin = openPool({ ...cluster.owner, database: 'postgres', max: ADMIN_CONNECTIONS, ...limits })
    const late = new Set<Promise<unknown>>()
    const endLater = (work: Promise<unknown>): void => {
      const settled = work.catch(() => {}).finally(() => late.delete(settled))
      late.add(settled)
    }
    const socket = path.join(folder, 'c', 's')
    const masterKey = randomBytes(32).toString('base64url')
    const control = await openControl(socket, {
      cluster,
      databases: createDatabases(admin),
      starts: createLane(availableParallelism(), START_WAIT_MS),
      folder: path.join(folder, 'servers'),
      masterKey,
      endLater,
    })
    publish({ pid: process.pid, socket })
    say({ ready: true })
    await untilUnused(control)
    withdraw(socket)
    await control.stop()
    await Promise.all(late)
    await admin.end()
    await cluster.stop()
  } finally {
    cleanUp()
  }
}

/** Resolves when no test process is left and none is to come, or when a signal asks this process to end. */
function untilUnused({ clientCount, wasUsed }: { readonly clientCount: () => number; readonly wasUsed: () => boolean }): Promise<void> {
  return new Promise((resolve) => {
    let usedAt = performance.now()
    const check = setInterval(() => {
      const now = performance.now()
      if (clientCount() > 0) usedAt = now
      const lingerMs = wasUsed() ? LINGER_MS : FIRST_MS
      if (clientCount() === 0 && (!isProcessAlive(Number(treePid)) || now - usedAt > lingerMs)) end()
    }, CHECK_MS)
    const end = (): void => {
      clearInterval(check)
      resolve()
    }
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, end)
  })
}

// A server that was killed in the middle of its work leaves promises that fail. They are of the fault, and end no other server.
process.on('unhandledRejection', () => {})
process.on('uncaughtException', () => {})
// The process that started this one may be gone.
process.stdout.on('error', () => {})

try {
  await run()
  process.exit(0)
} catch (error) {
  say({ problem: error instanceof Error ? error.message : String(error) })
  process.exit(1)
}
