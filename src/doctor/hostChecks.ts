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

const modeOf = (file: string): { readonly mode: number; readonly isLink: boolean } | null => {
  const stats = lstatSync(file, { throwIfNoEntry: false })
  return stats === undefined ? null : { mode: stats.mode & 0o777, isLink: stats.isSymbolicLink() }
}

const octal = (mode: number): string => `0${mode.toString(8)}`

/** Checks the modes of a home and of the secrets in it. A home that does not exist yet has no fault. */
export function checkHome(home: string): Finding[] {
  if (process.platform === 'win32') return []
  const own = modeOf(home)
  if (own === null) return []
  const present = new Set(readdirSync(home))
  const open = secretFiles
    .filter((name) => present.has(name))
    .map((name) => ({ file: path.join(home, name), ...modeOf(path.join(home, name)) }))
    .filter(({ mode, isLink }) => isLink === true || ((mode ?? 0) & OTHERS) !== 0)
    .map(({ file, mode, isLink }) => `${file} ${isLink === true ? 'is a link' : `has mode ${octal(mode ?? 0)}`}`)
  return [
    ...((own.mode & OTHERS_WRITE) === 0 ? [] : [findingOf(openHome, `${home} has mode ${octal(own.mode)}`)]),
    ...(open.length === 0 ? [] : [findingOf(openFile, ...open)]),
  ]
}

/**
 * Checks the free space of the disk on which a home stands.
 * @param leastBytes below which the disk is nearly full
 */
export function checkDisk(home: string, leastBytes: number = LEAST_FREE_BYTES): Finding[] {
  let folder = home
  while (modeOf(folder) === null && path.dirname(folder) !== folder) folder = path.dirname(folder)
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
