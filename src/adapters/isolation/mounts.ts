// The view of a run: the folders of the system, its own folders, its tools, and what its configuration and the
// operator name. Everything else does not exist for it.
import { lstatSync, readlinkSync, realpathSync, statSync } from 'node:fs'
import path from 'node:path'
import { isWithin } from './isolation.ts'
import type { Mount } from './isolation.ts'

/** Read-only for every run. `/run`, `/var`, `/home` and `/root` are not among them: they hold sockets, data and sign-ins. */
const SYSTEM_FOLDERS = [
  '/usr',
  '/bin',
  '/sbin',
  '/lib',
  '/lib32',
  '/lib64',
  '/libx32',
  '/etc',
  '/opt',
  '/nix',
  '/gnu',
  '/snap',
  '/run/current-system',
  '/run/systemd/resolve',
  '/sys/devices/system/cpu',
  '/home/linuxbrew/.linuxbrew',
]
/** The same for every run, whatever the host has there. */
const NEVER_SHARED = ['/proc', '/sys', '/dev', '/run']
/** Folders of many owners: a file in one of them is shared, and never the folder. */
const SHARED_FOLDERS = ['/', '/tmp', '/var', '/var/tmp', '/home', '/root', '/srv', '/mnt', '/media']

export const realPathOf = (file: string): string | null => {
  try {
    // Of the C library: the one in JavaScript asks for every folder on the way, which is a thousand questions for a plan.
    return realpathSync.native(file)
  } catch {
    return null
  }
}
export const isFolder = (file: string): boolean => {
  try {
    return statSync(file, { throwIfNoEntry: false })?.isDirectory() === true
  } catch {
    return false
  }
}
export const linkTextOf = (file: string): string | null => {
  try {
    return lstatSync(file, { throwIfNoEntry: false })?.isSymbolicLink() === true ? readlinkSync(file) : null
  } catch {
    return null
  }
}

/** The folders and files that no run may have as a whole. */
export interface Protected {
  /** The server's home. */
  readonly home: string
  /** The home of the account that runs this server. */
  readonly operatorHome: string | null
  /** The folders below the server's home that belong to this run's agent. */
  readonly own: readonly string[]
}

/** Why a run may not have a path: it shows the server's files, or the operator's whole home. */
export type Exposure = 'server' | 'operator' | 'system'

/** The same folders by their real paths, so that no link leads around them. Found once for a plan: each of its many paths is compared with all of them. */
export const byRealPaths = ({ home, operatorHome, own }: Protected): Protected => ({
  home: realPathOf(home) ?? home,
  operatorHome: operatorHome === null ? null : (realPathOf(operatorHome) ?? operatorHome),
  own: own.map((folder) => realPathOf(folder) ?? folder),
})

/**
 * Whether sharing a path would show a run more than it may see. Compares real paths, so that no link leads around it.
 * @param folders by their real paths
 */
export function exposureOf(file: string, { home, operatorHome, own }: Protected): Exposure | null {
  const real = realPathOf(file) ?? file
  if (own.some((folder) => isWithin(real, folder))) return null
  if (isWithin(real, home) || isWithin(home, real)) return 'server'
  if (operatorHome !== null && isWithin(operatorHome, real)) return 'operator'
  if (real === '/' || NEVER_SHARED.some((folder) => real === folder || (isWithin(real, folder) && folder !== '/run'))) return 'system'
  return null
}

export const isSharedFolder = (folder: string): boolean => SHARED_FOLDERS.includes(folder)

const bind = (source: string, isReadOnly: boolean, target: string = source): Mount => ({ kind: 'bind', source, target, isReadOnly })

/** The system's folders, with their links as links (`/bin` to `usr/bin`), and the folder in which the resolver's file really is. */
export function systemMounts(): Mount[] {
  const resolver = realPathOf('/etc/resolv.conf')
  const resolverFolder = resolver !== null && !isWithin(resolver, '/etc') ? [path.dirname(resolver)] : []
  return [...new Set([...SYSTEM_FOLDERS, ...resolverFolder])].flatMap((folder): Mount[] => {
    const link = linkTextOf(folder)
    if (link !== null) return [{ kind: 'link', target: folder, to: link }]
    return isFolder(folder) ? [bind(folder, true)] : []
  })
}

/** A path that a run is to see, before it is decided how. */
export interface Wanted {
  readonly path: string
  readonly isReadOnly: boolean
}

const depth = (target: string): number => target.split('/').length

/**
 * The mounts for the wanted paths, from the outside in. A path below a folder that the run may write is left out: it is there
 * already, and a mount point in a folder of the agent's could be a link that the agent has made.
 */
export function mountsOf(wanted: readonly Wanted[], already: readonly Mount[]): Mount[] {
  const mounts: Mount[] = []
  const all = wanted
    .flatMap(({ path: given, isReadOnly }) => {
      const source = realPathOf(given)
      if (source === null) return []
      // A folder that is named by a link exists under both names.
      return [...new Set([source, given])].map((target) => ({ source, target, isReadOnly }))
    })
    .toSorted((a, b) => depth(a.target) - depth(b.target) || Number(a.isReadOnly) - Number(b.isReadOnly))
  for (const { source, target, isReadOnly } of all) {
    const around = [...already, ...mounts].filter((mount) => isWithin(target, mount.target)).at(-1)
    if (around === undefined || !isCovered(around, source, target, isReadOnly)) mounts.push(bind(source, isReadOnly, target))
  }
  return mounts
}

/** Whether a mount around a path shows it already: as the same file, or through a link of the system. */
function isCovered(around: Mount, source: string, target: string, isReadOnly: boolean): boolean {
  if (around.kind === 'link' || !around.isReadOnly) return true
  const shown = path.join(around.source, path.relative(around.target, target))
  return isReadOnly && (shown === target || shown === source)
}
