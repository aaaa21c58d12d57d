// Recognises the Postgres that an earlier start left behind, by its lock file, and makes way for a new one.

import { execFile } from 'node:child_process'
import { readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { Log } from './contract.ts'
import { OWNER_SETTING } from './settings.ts'

/** The content of postmaster.pid: the process, and a status such as `starting`, `ready` or `stopping`. */
interface LockFile {
  readonly pid: number
  readonly status: string
}

/** The process that a lock file names, as the operating system sees it now. */
export interface ProcessInfo {
  readonly isZombie: boolean
  /** It is a Postgres and works in this data folder. A zombie has no working folder any more, so its name decides. */
  readonly isPostmaster: boolean
  readonly parentPid: number
  /** The paperclip-server process that started it; null when it was started in another way. */
  readonly ownerPid: number | null
}

type InstanceState = 'gone' | 'stranger' | 'unfinished' | 'zombie' | 'stopping' | 'orphan' | 'live'

/** A fast shutdown takes 60 ms on a quiet database; ten seconds let a full checkpoint reach a slow disk. */
const WAIT_MS = 10_000
const POLL_MS = 10

/** Parses postmaster.pid; null when it is empty or incomplete (Postgres creates the file and fills it in two steps). */
export function parseLockFile(text: string): LockFile | null {
  const lines = text.split('\n')
  // A single-user Postgres writes its pid negated.
  const pid = Math.abs(Number.parseInt(lines[0] ?? '', 10))
  return Number.isSafeInteger(pid) && pid > 0 ? { pid, status: (lines[7] ?? '').trim() } : null
}

/** Reads and parses postmaster.pid; null while it is incomplete, 'absent' when the file does not exist. */
export async function readLockFile(data: string): Promise<LockFile | 'absent' | null> {
  const text = await readFile(join(data, 'postmaster.pid'), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw error
  })
  return text === null ? 'absent' : parseLockFile(text)
}

/** Decides who uses the data folder, from the lock file and the process that it names (null: the process does not exist). */
export function classifyInstance(file: LockFile | null, processInfo: ProcessInfo | null): InstanceState {
  if (file === null) return 'unfinished'
  if (processInfo === null) return 'gone'
  if (!processInfo.isPostmaster) return 'stranger'
  if (processInfo.isZombie) return 'zombie'
  if (file.status === 'stopping') return 'stopping'
  // A paperclip-server starts its postmaster as a direct child, so another parent means that the owner has ended.
  if (processInfo.ownerPid !== null && processInfo.ownerPid !== processInfo.parentPid) return 'orphan'
  return 'live'
}

/**
 * Makes way for a new postmaster: removes the lock file of a process that does not exist, waits for a Postgres that shuts
 * down, and ends a Postgres whose owner has ended. Rejects when a live server uses the data, when the previous Postgres
 * does not exit within ten seconds, or when `signal` is aborted.
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
      log('removing the lock file of a Postgres that no longer runs', { pid, verdict: state })
      return removeLockFile(data)
    }
    if (loggedState !== state) {
      log('waiting for the previous Postgres to exit', { pid, verdict: state })
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

// A zombie or an incomplete file cannot use the data, however old it is; a Postgres that still runs can.
async function giveUpWaiting(state: InstanceState, data: string, pid: number | undefined): Promise<void> {
  if (state === 'zombie' || state === 'unfinished') return removeLockFile(data)
  throw new Error(
    `The Postgres that ran in ${data} before (process ${pid}) is still shutting down after ${WAIT_MS / 1000} s. ` +
      'Try again when it has exited, or set DATABASE_URL to a Postgres of your own.',
  )
}

function endOrphan(pid: number): void {
  try {
    process.kill(pid, 'SIGINT')
  } catch {
    // It exited between the inspection and the signal, which is the desired result.
  }
}

async function removeLockFile(data: string): Promise<void> {
  await rm(join(data, 'postmaster.pid'), { force: true })
}

/** Inspects a process through /proc, or through `ps` on systems without it (macOS). Null when the process does not exist. */
export async function inspectProcess(pid: number, data: string): Promise<ProcessInfo | null> {
  const hasProc = (await stat('/proc/self/stat').catch(() => null)) !== null
  return hasProc ? inspectInProc(pid, data) : inspectWithPs(pid, data)
}

async function inspectInProc(pid: number, data: string): Promise<ProcessInfo | null> {
  const line = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null)
  if (line === null) return null
  // The name is in parentheses and may itself contain some, so the last `)` is its end.
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

// Compares inodes, because one folder can have several names: links, mounts, a home that was moved.
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
