// The folders that isolation needs: a home and a work folder for each agent, and a private folder for each run.
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chownSync, cpSync, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { readdir, rmdir, unlink } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import type { Account, Isolation } from './isolation.ts'
import { giveFolder } from './safeFolder.ts'
import { makeTraversable } from './traversable.ts'
import { systemProgram } from './wrapper.ts'

const run = promisify(execFile)

/** Where folders of agents are when the account of the agents cannot enter the server's home and no namespace shows it to them. */
const SYSTEM_FOLDER = '/var/lib/paperclip-server/agents'

/** A folder in which agents find their homes and work folders. */
export function agentsBase(isolation: Isolation, home: string): string {
  if (isolation.kind !== 'account' || isolation.tool !== null) return home
  return path.join(SYSTEM_FOLDER, createHash('sha256').update(home).digest('hex').slice(0, 16))
}

/** The files and folders of one run. */
export interface RunFolders {
  /** The server's: nothing in it is the agent's except what follows. */
  readonly folder: string
  /** The home of the agent; it stays. */
  readonly home: string
  /** Where this server remembers what it copied into the home. */
  readonly seedRecord: string
  /** Becomes `/tmp` in a namespace. */
  readonly temporary: string
  /** The environment of the run, its token included: readable by the run only. */
  readonly environment: string
  readonly passwd: string
  readonly group: string
  /** An empty folder for a new root. */
  readonly root: string
}

function makeFolder(folder: string, mode: number): void {
  mkdirSync(folder, { recursive: true, mode })
}

/** The work folder of an agent without a folder of its own. One that an earlier start kept elsewhere is moved here. */
export function workFolderOf(base: string, home: string, agentId: string, owner: Account | null): string {
  const folder = path.join(base, 'work', agentId)
  const earlier = path.join(home, 'work', agentId)
  makeTraversable(path.dirname(folder))
  if (earlier !== folder && existsSync(earlier) && !existsSync(folder)) moveFolder(earlier, folder)
  makeFolder(folder, 0o700)
  if (owner !== null) giveFolder(folder, owner)
  return folder
}

function moveFolder(from: string, to: string): void {
  try {
    renameSync(from, to)
  } catch {
    // Another file system.
    cpSync(from, to, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true })
    rmSync(from, { recursive: true, force: true })
  }
}

/** Creates the folders of a run, and those of its agent where they do not exist. */
export function makeRunFolders(base: string, ids: { readonly runId: string; readonly agentId: string }, owner: Account): RunFolders {
  const agent = path.join(base, 'agents', ids.agentId)
  const folder = path.join(base, 'runs', ids.runId)
  const home = path.join(agent, 'home')
  const temporary = path.join(folder, 'tmp')
  for (const each of [path.join(base, 'agents'), agent, path.join(base, 'runs'), folder]) makeTraversable(each)
  makeFolder(home, 0o700)
  giveFolder(home, owner)
  for (const each of [temporary, path.join(folder, 'root')]) makeFolder(each, 0o700)
  if (process.getuid?.() === 0) chownSync(temporary, owner.uid, owner.gid)
  return {
    folder,
    home,
    temporary,
    seedRecord: path.join(agent, 'seeds.json'),
    environment: path.join(folder, 'environment'),
    passwd: path.join(folder, 'passwd'),
    group: path.join(folder, 'group'),
    root: path.join(folder, 'root'),
  }
}

/** Names that some shells let no script set. */
const READ_ONLY_NAMES = new Set(['UID', 'EUID', 'PPID', 'SHELLOPTS', 'BASHOPTS', 'BASH_VERSINFO'])

/** Writes the environment as a script of assignments that only the run may read. */
export function writeEnvironment(file: string, environment: Readonly<Record<string, string>>, owner: Account): void {
  const lines = Object.entries(environment)
    .filter(([name]) => /^[A-Za-z_]\w*$/.test(name) && !READ_ONLY_NAMES.has(name))
    .map(([name, value]) => `export ${name}='${value.replaceAll("'", `'\\''`)}'\n`)
  writeFileSync(file, lines.join(''), { mode: 0o600, flag: 'wx' })
  if (process.getuid?.() === 0) chownSync(file, owner.uid, owner.gid)
}

const readLines = (file: string): string[] => {
  try {
    return readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
  } catch {
    return []
  }
}

/** Tools look their user up and fail without one; ssh takes its home from there. */
export function writeAccounts({ passwd, group, home }: RunFolders, { uid, gid }: Account): void {
  const users = readLines('/etc/passwd')
  const name = users.find((line) => line.split(':')[2] === String(uid))?.split(':')[0] ?? 'paperclip-agent'
  const others = users.filter((line) => line.split(':')[2] !== String(uid))
  writeFileSync(passwd, [`${name}:x:${uid}:${gid}:agent:${home}:/bin/sh`, ...others, ''].join('\n'), { mode: 0o644 })
  const groups = readLines('/etc/group')
  const own = groups.some((line) => line.split(':')[2] === String(gid)) ? [] : [`paperclip-agent:x:${gid}:`]
  writeFileSync(group, [...own, ...groups, ''].join('\n'), { mode: 0o644 })
}

/** Removes a folder with files and empty folders. @returns whether it is gone; what has more in it stays, in part */
async function removeFlat(folder: string): Promise<boolean> {
  try {
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      const file = path.join(folder, entry.name)
      await (entry.isDirectory() ? rmdir(file) : unlink(file))
    }
    await rmdir(folder)
    return true
  } catch {
    return false
  }
}

/**
 * Removes the private folder of a run: where the agent has left something, in another process, because it may be any number of files, at any
 * depth. Most runs leave nothing, and a process would cost more than they: it begins as a copy of this one, whose memory is then slow for the
 * next run. A later start tries again where an agent has made something that stays.
 */
export async function removeRunFolder(folder: string): Promise<void> {
  if (!(await removeFlat(folder))) await run(systemProgram('rm') ?? 'rm', ['-rf', '--', folder]).catch(() => {})
}

/** Longer than the longest run: an older folder belongs to no live run of any server that shares the home. */
const OLD_MS = 2 * 86_400_000

/** Removes the folders of runs that a crash has left. */
export function removeOldRunFolders(base: string): void {
  const runs = path.join(base, 'runs')
  const names = existsSync(runs) ? readdirSync(runs) : []
  for (const folder of names.map((name) => path.join(runs, name))) {
    const changedAt = statSync(folder, { throwIfNoEntry: false })?.mtimeMs ?? Date.now()
    if (Date.now() - changedAt > OLD_MS) removeRunFolder(folder).catch(() => {})
  }
}
