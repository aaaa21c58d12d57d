// The folders of this host that agents may write, and the links in them. An agent decides what stands in such a folder, so a link
// there must not decide what this server mounts, hands over or reads for a later run.
import { appendFileSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { isWithin } from './isolation.ts'
import type { AllowedPath, Mount } from './isolation.ts'
import { linkTextOf, realPathOf } from './mounts.ts'

/** The kernel follows no more. */
const MAX_LINKS = 40

/** The folders that some agent could have written, in this run or in an earlier one. */
export interface AgentFolders {
  /** The innermost of these folders that contains a real path; null when none does. */
  around(real: string): string | null
  /** Whether a link that an agent could have made leads a path out of the folder in which the link stands. */
  leadsAstray(file: string): boolean
  /**
   * Whether a file that was opened by a path lies out of the folder of agents that the path goes into. An agent that may write there can exchange what
   * stands there between any look at the path and its opening, so a reader asks again with what it has opened.
   * @param opened the real path of the open file
   */
  leadsOut(file: string, opened: string): boolean
  /** The same folders with further ones, for one plan. Nothing is recorded. */
  with(folders: readonly string[]): AgentFolders
}

/** The innermost of the folders around a path is the one with the longest name. */
const innermost = (real: string, folders: readonly string[]): string | null =>
  folders.filter((folder) => isWithin(real, folder)).toSorted((a, b) => b.length - a.length)[0] ?? null

/** @param folders real paths */
export function agentFoldersOf(folders: readonly string[]): AgentFolders {
  return {
    around: (real) => innermost(real, folders),
    leadsAstray: (file) => leadsAstray(file, folders),
    leadsOut: (file, opened) => leadsOut(file, opened, folders),
    with: (further) => agentFoldersOf([...folders, ...further.flatMap((folder) => realPathOf(folder) ?? [])]),
  }
}

function leadsAstray(file: string, folders: readonly string[]): boolean {
  const grounds: string[] = []
  const rest = file.split('/')
  let real = '/'
  for (let links = 0; rest.length > 0;) {
    const step = rest.shift() ?? ''
    const next = path.join(real, step)
    const to = step === '' || step === '.' || step === '..' ? null : linkTextOf(next)
    if (to === null) {
      real = next
      continue
    }
    links += 1
    if (links > MAX_LINKS) return true
    const ground = innermost(next, folders)
    if (ground !== null) grounds.push(ground)
    if (path.isAbsolute(to)) real = '/'
    rest.unshift(...to.split('/'))
  }
  return grounds.some((ground) => !isWithin(real, ground))
}

/** No agent can change the way to its own folder, so the way is followed up to the first link in one and no further. */
function leadsOut(file: string, opened: string, folders: readonly string[]): boolean {
  const rest = file.split('/')
  let real = '/'
  for (let links = 0; rest.length > 0;) {
    const step = rest.shift() ?? ''
    const next = path.join(real, step)
    const to = step === '' || step === '.' || step === '..' ? null : linkTextOf(next)
    if (to === null || innermost(next, folders) !== null) {
      real = next
      if (to !== null) break
      continue
    }
    links += 1
    if (links > MAX_LINKS) return true
    if (path.isAbsolute(to)) real = '/'
    rest.unshift(...to.split('/'))
  }
  const ground = innermost(real, folders)
  return ground !== null && !isWithin(opened, ground)
}

/**
 * The record of the folders that runs of this home could write. A folder stays in it: what an agent has left there outlives the
 * configuration that gave it to the agent.
 */
export interface AgentFolderRecord {
  read(): AgentFolders
  /** Adds what a run gets to write, before it starts. */
  add(mounts: readonly Mount[]): void
}

/**
 * @param file the record: one folder in a line, as JSON
 * @param always folders that agents may write in any case
 */
export function agentFolderRecord(file: string, always: readonly string[], allowed: readonly AllowedPath[]): AgentFolderRecord {
  const fixed = [...always, ...allowed.flatMap((each) => (each.isReadOnly ? [] : [each.path]))]
  const recorded = (): string[] => linesOf(file).map((line) => String(JSON.parse(line)))
  return {
    read: () => agentFoldersOf([...fixed.map((folder) => realPathOf(folder) ?? folder), ...recorded()]),
    add(mounts) {
      const known = new Set(recorded())
      const given = mounts.flatMap((mount) => (mount.kind === 'bind' && !mount.isReadOnly ? [mount.source] : []))
      const lines = given.filter((folder) => !known.has(folder)).map((folder) => `${JSON.stringify(folder)}\n`)
      // Each line is one write that appends: servers that share the home do not cut each other's.
      for (const line of new Set(lines)) appendFileSync(file, line, { mode: 0o600 })
    },
  }
}

function linesOf(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').split('\n').filter(Boolean)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}
