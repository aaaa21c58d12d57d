// Facts about the machine and the home, without names of people.

import { lstatSync, readdirSync, readFileSync, statfsSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

/** Files and folders of the home by their names in the documents. Others may have been put there by a person, and are only counted. */
const ofHome: ReadonlySet<string> = new Set([
  'agent-folders',
  'agent-jwt-keys',
  'agent-jwt-secret',
  'agents',
  'audit-heads.ndjson',
  'audit-key.pem',
  'auth-secret',
  'backups',
  'board-token',
  'config.json',
  'database-owner-password',
  'database-password',
  'native',
  'postgres',
  'postgres.log',
  'postgres.log.1',
  'running.json',
  'runs',
  'secrets-master-key',
  'server.log',
  'socket',
  'work',
])

const kindOf = (stats: ReturnType<typeof lstatSync>): string =>
  stats === undefined ? 'gone' : stats.isDirectory() ? 'folder' : stats.isSymbolicLink() ? 'link' : stats.isFile() ? 'file' : 'other'

/** The entries of the home: modes and sizes, never contents. */
export function readHomeFacts(home: string): Readonly<Record<string, unknown>> {
  const names = readdirSync(home)
  const own = process.getuid?.() ?? null
  const known = names.filter((name) => ofHome.has(name) || /^audit-heads\.\d+\.ndjson$/.test(name))
  const entries = known.map((name) => {
    const stats = lstatSync(path.join(home, name), { throwIfNoEntry: false })
    const entryCount =
      stats?.isDirectory() === true && ['agents', 'runs', 'backups'].includes(name) ? readdirSync(path.join(home, name)).length : undefined
    return {
      name,
      kind: kindOf(stats),
      mode: stats === undefined ? null : (stats.mode & 0o7777).toString(8),
      owner: stats?.uid === 0 ? 'root' : stats?.uid === own ? 'this account' : 'another account',
      bytes: stats?.isFile() === true ? stats.size : undefined,
      changedAt: stats?.mtime.toISOString(),
      entries: entryCount,
    }
  })
  const { bavail, blocks, bsize, ffree } = statfsSync(home)
  const disk = { freeBytes: bavail * bsize, bytes: blocks * bsize, freeFiles: ffree }
  return { entries, furtherEntries: names.length - known.length, disk, mode: (lstatSync(home).mode & 0o7777).toString(8) }
}

const lineOf = (file: string, pattern: RegExp): string | null => {
  try {
    return pattern.exec(readFileSync(file, 'utf8'))?.[1] ?? null
  } catch {
    return null
  }
}

/** The machine: what it is, and how much it has left. */
export const readMachineFacts = (): Readonly<Record<string, unknown>> => ({
  platform: process.platform,
  architecture: process.arch,
  kernel: os.release(),
  system: lineOf('/etc/os-release', /^PRETTY_NAME="?([^"\n]*)/m),
  node: process.versions.node,
  openssl: process.versions.openssl,
  zone: new Intl.DateTimeFormat().resolvedOptions().timeZone,
  processors: os.cpus().length,
  processorModel: os.cpus()[0]?.model ?? null,
  load: os.loadavg(),
  memoryBytes: os.totalmem(),
  freeMemoryBytes: os.freemem(),
  upSeconds: Math.round(os.uptime()),
  isRoot: process.getuid?.() === 0,
  openFiles: lineOf('/proc/self/limits', /^Max open files +(\S+ +\S+)/m),
  memoryLimit: lineOf('/sys/fs/cgroup/memory.max', /^(\S+)/),
})
