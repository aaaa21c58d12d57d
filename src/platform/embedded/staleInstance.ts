import { execFile } from 'node:child_process'
import { readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { Log } from './contract.ts'
import { OWNER_SETTING } from './settings.ts'

/** What Postgres wrote into postmaster.pid: whose it is, and `starting`, `ready`, `stopping`... */
interface LockFile {
  readonly pid: number
  readonly status: string
}

/** The process a lock file points to, as the operating system sees it now. */
export interface ProcessInfo {
  readonly isZombie: boolean
  /** It is a Postgres and works in this very data folder. A zombie has no folder any more; there the name must do. */
  readonly isPostmaster: boolean
  readonly parentPid: number
  /** The process that started it, if it was one of ours. */
  readonly ownerPid: number | null
}

type InstanceState = 'gone' | 'stranger' | 'unfinished' | 'zombie' | 'stopping' | 'orphan' | 'live'

/** A fast shutdown takes 60 ms on a quiet database; ten seconds let a full checkpoint reach a slow disk. */
const WAIT_MS = 10_000
const POLL_MS = 10

/** The content of postmaster.pid, or null when it is empty or torn (Postgres creates it and writes it in two steps). */
export function parseLockFile(text: string): LockFile | null {
  const lines = text.split('\n')
  // A single-user Postgres writes its number negated.
  const pid = Math.abs(Number.parseInt(lines[0] ?? '', 10))
  return Number.isSafeInteger(pid) && pid > 0 ? { pid, status: (lines[7] ?? '').trim() } : null
}

/** Reads and parses postmaster.pid: null when unreadable as yet, 'absent' when there is none. */
export async function readLockFile(data: string): Promise<LockFile | 'absent' | null> {
  const text = await readFile(join(data, 'postmaster.pid'), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw error
  })
  return text === null ? 'absent' : parseLockFile(text)
}

/** Who holds the data folder, from the lock file and from what its pid turned out to be (null: no such process). */
export function classifyInstance(file: LockFile | null, processInfo: ProcessInfo | null): InstanceState {
  if (file === null) return 'unfinished'
  if (processInfo === null) return 'gone'
  if (!processInfo.isPostmaster) return 'stranger'
  if (processInfo.isZombie) return 'zombie'
  if (file.status === 'stopping') return 'stopping'
  // Ours is always started directly by its owner, so another parent means that the owner has died.
  if (processInfo.ownerPid !== null && processInfo.ownerPid !== processInfo.parentPid) return 'orphan'
  return 'live'
}

/**
 * Makes way for a new postmaster: removes a lock file that nobody stands behind, waits for a predecessor that is ending,
 * ends one whose owner has died. Rejects when a live server holds the data, when the predecessor
 * does not end within ten seconds, or when `signal` is aborted.
 */
export async function clearStaleInstance(data: string, signal: AbortSignal, log: Log): Promise<void> {
  const deadline = performance.now() + WAIT_MS
  let loggedState: InstanceState | null = null
  for (;;) {
    const file = await readLockFile(data)
    if (file === 'absent') return
    const state = classifyInstance(file, file === null ? null : await inspectProcess(file.pid, data))
    const pid = file?.pid
    if (state === 'live') throw inUseError(data, file)
    if (state === 'gone' || state === 'stranger') {
      log('removing the lock file of a Postgres that is gone', { pid, verdict: state })
      return removeLockFile(data)
    }
    if (loggedState !== state) {
      log('waiting for the Postgres that ran here before', { pid, verdict: state })
      if (state === 'orphan' && pid !== undefined) endOrphan(pid)
      loggedState = state
    }
    if (performance.now() > deadline) return giveUpWaiting(state, data, pid)
    await sleep(POLL_MS, undefined, { signal })
  }
}

function inUseError(data: string, file: LockFile | null): Error {
  return new Error(
    `Another server is using the embedded database in ${data} (its Postgres is process ${file?.pid}). ` +
      'Stop that server, give this one a home of its own, or set DATABASE_URL to a Postgres both can share.',
  )
}

// A zombie or a torn file cannot hold the data, however long it lies there; a Postgres that still runs can.
async function giveUpWaiting(state: InstanceState, data: string, pid: number | undefined): Promise<void> {
  if (state === 'zombie' || state === 'unfinished') return removeLockFile(data)
  throw new Error(
    `The Postgres that ran in ${data} before (process ${pid}) is still shutting down after ${WAIT_MS / 1000} s. ` +
      'Try again when it has ended, or set DATABASE_URL to a Postgres of your own.',
  )
}

function endOrphan(pid: number): void {
  try {
    process.kill(pid, 'SIGINT')
  } catch {
    // It ended between the look and the signal, which is what was wanted.
  }
}

async function removeLockFile(data: string): Promise<void> {
  await rm(join(data, 'postmaster.pid'), { force: true })
}

/** Looks a process up: through /proc where there is one, through `ps` elsewhere (macOS). Null when there is no such process. */
export async function inspectProcess(pid: number, data: string): Promise<ProcessInfo | null> {
  const hasProc = (await stat('/proc/self/stat').catch(() => null)) !== null
  return hasProc ? inspectInProc(pid, data) : inspectWithPs(pid, data)
}

async function inspectInProc(pid: number, data: string): Promise<ProcessInfo | null> {
  const line = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null)
  if (line === null) return null
  // The name stands in parentheses and may itself contain some, so the last one is its end.
  const nameEnd = line.lastIndexOf(')')
  const name = line.slice(line.indexOf('(') + 1, nameEnd)
  const [state = '', parentPid = ''] = line.slice(nameEnd + 2).split(' ')
  const isZombie = state === 'Z' || state === 'X'
  const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
  return {
    isZombie,
    isPostmaster: name === 'postgres' && (isZombie || (await isSameFolder(`/proc/${pid}/cwd`, data))),
    parentPid: Number(parentPid),
    ownerPid: ownerPidIn(commandLine),
  }
}

// By inode, because one folder has many names: links, mounts, a home that was moved.
async function isSameFolder(one: string, other: string): Promise<boolean> {
  const [first, second] = await Promise.all([stat(one).catch(() => null), stat(other).catch(() => null)])
  return first !== null && second !== null && first.dev === second.dev && first.ino === second.ino
}

const run = promisify(execFile)

async function inspectWithPs(pid: number, data: string): Promise<ProcessInfo | null> {
  const answer = await run('ps', ['-ww', '-o', 'ppid=,state=,command=', '-p', String(pid)]).catch(() => null)
  const [, parentPid, state = '', command = ''] = /^\s*(\d+)\s+(\S+)\s+(.*)$/s.exec(answer?.stdout ?? '') ?? []
  if (parentPid === undefined) return null
  const isZombie = state.startsWith('Z')
  const isPostmaster = command.includes('postgres') && (isZombie || command.includes(data))
  return { isZombie, isPostmaster, parentPid: Number(parentPid), ownerPid: ownerPidIn(command) }
}

function ownerPidIn(commandLine: string): number | null {
  const [, pid] = new RegExp(`${OWNER_SETTING.replace('.', '\\.')}=(\\d+)`).exec(commandLine) ?? []
  return pid === undefined ? null : Number(pid)
}
