import { lstatSync, readdirSync, statfsSync } from 'node:fs'
import { connect } from 'node:net'
import path from 'node:path'
import { secretFiles } from '../platform/home/secretFiles.ts'
import { LEAST_NODE, nodeProblem } from '../platform/kernel/versions.ts'
import { findingOf } from './check.ts'
import type { Check, Finding } from './check.ts'

export const oldNode: Check = {
  id: 'host.node',
  level: 'fault',
  meaning: `Node is older than ${LEAST_NODE}, the oldest that this server runs on.`,
  remedy: `Install Node ${LEAST_NODE} or newer.`,
  mends: null,
}

export const unreadableHome: Check = {
  id: 'home.unreadable',
  level: 'fault',
  meaning: 'This account cannot read the home, so nothing in it was checked; a server of this account does not start on it.',
  remedy: 'Run the doctor as the account of the server (sudo -u ACCOUNT), or give another --home.',
  mends: null,
}

export const openHome: Check = {
  id: 'home.mode',
  level: 'fault',
  meaning: 'Other accounts of this host can write into the home, so they can replace its secrets.',
  remedy: 'chmod go-w HOME, and look whether a file in it was replaced.',
  mends: null,
}

export const openFile: Check = {
  id: 'home.file-mode',
  level: 'fault',
  meaning: 'Other accounts of this host can read a secret in the home; the server does not start with it.',
  remedy: 'chmod 600 FILE. If the host has other people or agents on it, replace the secret.',
  mends: null,
}

/** The file into which a restore puts new keys of agents. */
const KEYS_FILE = 'restored-agent-keys.ndjson'
/** Keys are handed out within a day. */
const KEYS_HOURS = 24

export const openKeysFile: Check = {
  id: 'home.open-agent-keys',
  level: 'fault',
  meaning: 'The file with the keys of agents that a restore issued can be read by other accounts, who are those agents then.',
  remedy: 'Revoke the keys and issue others (paperclip-server token), and delete the file.',
  mends: null,
}

export const oldKeysFile: Check = {
  id: 'home.old-agent-keys',
  level: 'warning',
  meaning: `The file with the keys of agents that a restore issued is there more than ${KEYS_HOURS} hours later: it opens everything that they may do.`,
  remedy: 'Give each agent its key, and delete the file.',
  mends: null,
}

export const fullDisk: Check = {
  id: 'host.disk',
  level: 'fault',
  meaning: 'The disk of the home is nearly full. When it is, Postgres stops and every write is refused.',
  remedy: 'Free space, or shorten how long logs are kept: PAPERCLIP_KEEP_LOG_DAYS.',
  mends: null,
}

export const takenPort: Check = {
  id: 'host.port',
  level: 'fault',
  meaning: 'Another program listens at the port of this server, so the server does not start.',
  remedy: 'End that program, or set PORT.',
  mends: null,
}

export const silentServer: Check = {
  id: 'server.silent',
  level: 'warning',
  meaning: 'The home names a server that runs on it, and none answers there: it was killed, or it hangs.',
  remedy: 'Look whether its process runs, and start it again.',
  mends: null,
}

export const degradedServer: Check = {
  id: 'server.degraded',
  level: 'fault',
  meaning: 'The server says that it is degraded: it serves, and will stop to if nothing is done.',
  remedy: 'Its log has the cause with each line that begins with it; doc/OPERATIONS.md explains each.',
  mends: null,
}

export const unisolatedAgents: Check = {
  id: 'server.isolation',
  level: 'warning',
  meaning: 'Agents share the account of the server, so they can read and do all that it can.',
  remedy: 'Install bubblewrap, or let the server be started as root with PAPERCLIP_AGENT_USER (doc/OPERATIONS.md).',
  mends: null,
}

export const wrongConfiguration: Check = {
  id: 'config.invalid',
  level: 'fault',
  meaning: 'The configuration has a value that the server refuses, so it does not start; the database was not checked.',
  remedy: 'Correct what is named. The doctor reads the same environment as a start.',
  mends: null,
}

export const unreachableDatabase: Check = {
  id: 'postgres.unreachable',
  level: 'fault',
  meaning: 'The database cannot be opened, so nothing in it was checked.',
  remedy: 'Do what the sentence says; for an embedded database the file postgres.log in the home has more.',
  mends: null,
}

const GIBIBYTE = 1024 ** 3
/** Postgres keeps about a gigabyte of its write-ahead log beside the data. */
const LEAST_FREE_BYTES = GIBIBYTE
const OTHERS_WRITE = 0o022
const OTHERS = 0o077

const modeOf = (file: string): { readonly mode: number; readonly isLink: boolean; readonly changedAt: number } | null => {
  const stats = lstatSync(file, { throwIfNoEntry: false })
  return stats === undefined ? null : { mode: stats.mode & 0o777, isLink: stats.isSymbolicLink(), changedAt: stats.mtimeMs }
}

const octal = (mode: number): string => `0${mode.toString(8)}`

/** Checks the file of the keys that a restore issued. */
function checkKeysFile(home: string, now: number): Finding[] {
  const file = path.join(home, KEYS_FILE)
  const found = modeOf(file)
  if (found === null) return []
  const hours = Math.floor((now - found.changedAt) / 3_600_000)
  return [
    ...(found.isLink || (found.mode & OTHERS) !== 0 ? [findingOf(openKeysFile, `${file} ${wrongMode(found)}`)] : []),
    ...(hours >= KEYS_HOURS ? [findingOf(oldKeysFile, `${file} is ${hours} hours old`)] : []),
  ]
}

const wrongMode = ({ mode, isLink }: { readonly mode: number; readonly isLink: boolean }): string =>
  isLink ? 'is a link' : `has mode ${octal(mode)}`

/**
 * Checks the modes of a home and of the secrets in it. A home that does not exist yet has no fault.
 * @param now in milliseconds since 1970
 */
export function checkHome(home: string, now: number = Date.now()): Finding[] {
  if (process.platform === 'win32') return []
  try {
    return checkReadableHome(home, now)
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException
    return [findingOf(unreadableHome, `${home}: ${code === 'ENOTDIR' ? 'it is no folder' : code}`)]
  }
}

function checkReadableHome(home: string, now: number): Finding[] {
  const own = modeOf(home)
  if (own === null) return []
  const present = new Set(readdirSync(home))
  const open = secretFiles
    .filter((name) => present.has(name))
    .map((name) => ({ file: path.join(home, name), ...modeOf(path.join(home, name)) }))
    .filter(({ mode, isLink }) => isLink === true || ((mode ?? 0) & OTHERS) !== 0)
    .map(({ file, mode = 0, isLink = false }) => `${file} ${wrongMode({ mode, isLink })}`)
  return [
    ...((own.mode & OTHERS_WRITE) === 0 ? [] : [findingOf(openHome, `${home} has mode ${octal(own.mode)}`)]),
    ...(open.length === 0 ? [] : [findingOf(openFile, ...open)]),
    ...checkKeysFile(home, now),
  ]
}

/** Whether a folder can be looked at. Below one that other accounts keep for themselves nothing can. */
const isThere = (folder: string): boolean => {
  try {
    return modeOf(folder) !== null
  } catch {
    return false
  }
}

/**
 * Checks the free space of the disk on which a home stands.
 * @param leastBytes below which the disk is nearly full
 */
export function checkDisk(home: string, leastBytes: number = LEAST_FREE_BYTES): Finding[] {
  let folder = home
  while (!isThere(folder) && path.dirname(folder) !== folder) folder = path.dirname(folder)
  const { bavail, bsize } = statfsSync(folder)
  const free = bavail * bsize
  return free >= leastBytes ? [] : [findingOf(fullDisk, `${(free / GIBIBYTE).toFixed(2)} GiB are free at ${folder}`)]
}

export const checkNode = (version: string = process.versions.node): Finding[] => {
  const problem = nodeProblem(version)
  return problem === null ? [] : [findingOf(oldNode, problem)]
}

const CONNECT_MS = 1000

/** Whether a program listens at an address. */
const isListening = async (host: string, port: number): Promise<boolean> =>
  await new Promise((resolve) => {
    const socket = connect({ host, port, timeout: CONNECT_MS })
    const end = (answer: boolean): void => {
      socket.destroy()
      resolve(answer)
    }
    socket.once('connect', () => end(true))
    socket.once('error', () => end(false))
    socket.once('timeout', () => end(false))
  })

/**
 * Checks that the port of a server that does not run is free.
 * @param address where it would listen; port 0 is any
 */
export async function checkPort({ host, port }: { readonly host: string; readonly port: number }): Promise<Finding[]> {
  const reachable = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host
  if (port === 0 || !(await isListening(reachable, port))) return []
  return [findingOf(takenPort, `a program listens at ${reachable}:${port}`)]
}
