// Where a command's program really is: through links, with its interpreter and the folder of its package. Real tools are links
// in `~/.local/bin`, scripts below `~/.nvm`, or shims of a version manager.
import { accessSync, constants, existsSync, statSync } from 'node:fs'
import path from 'node:path'
import type { AgentFolders } from './agentFolders.ts'
import { isWithin } from './isolation.ts'
import type { Mount } from './isolation.ts'
import { isFolder, linkTextOf, realPathOf } from './mounts.ts'
import type { Wanted } from './mounts.ts'
import { readBeginning } from './readText.ts'

/** Where the system searches without a PATH. */
const DEFAULT_PATH = '/usr/local/bin:/usr/bin:/bin'
/** A script of a script of a script; more is a loop. */
const MAX_STEPS = 8
const MAX_LINKS = 16
/** The kernel reads this much of a script's first line. */
const FIRST_LINE_BYTES = 256

/** The file that the system executes for a command, or the error code with which it would refuse. */
export function findProgram(command: string, searchPath: string | undefined, cwd: string): { file: string } | { code: string } {
  const candidates = command.includes('/')
    ? [path.resolve(cwd, command)]
    : (searchPath ?? DEFAULT_PATH).split(':').map((folder) => path.resolve(cwd, folder === '' ? '.' : folder, command))
  let code = 'ENOENT'
  for (const file of candidates) {
    try {
      if (!statSync(file).isFile()) continue
      accessSync(file, constants.X_OK)
      return { file }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EACCES') code = 'EACCES'
    }
  }
  return { code }
}

/** The version managers whose whole folder is a toolchain: it holds programs and no sign-in. */
const TOOLCHAINS: readonly { readonly folder: string; readonly variables: readonly string[] }[] = [
  { folder: '.asdf', variables: ['ASDF_DIR', 'ASDF_DATA_DIR'] },
  { folder: '.local/share/mise', variables: ['MISE_DATA_DIR'] },
  { folder: '.config/mise', variables: ['MISE_CONFIG_DIR'] },
  { folder: '.nvm', variables: ['NVM_DIR'] },
  { folder: '.volta', variables: ['VOLTA_HOME'] },
  { folder: '.local/share/fnm', variables: ['FNM_DIR'] },
  { folder: '.fnm', variables: [] },
  { folder: '.bun', variables: ['BUN_INSTALL'] },
  { folder: '.pyenv', variables: ['PYENV_ROOT'] },
  { folder: '.rbenv', variables: ['RBENV_ROOT'] },
  { folder: '.nodenv', variables: ['NODENV_ROOT'] },
  { folder: '.rustup', variables: ['RUSTUP_HOME'] },
  { folder: '.sdkman', variables: ['SDKMAN_DIR'] },
  { folder: '.local/share/pnpm', variables: ['PNPM_HOME'] },
  { folder: '.local/share/claude', variables: [] },
  { folder: '.npm-global', variables: [] },
  { folder: '.tool-versions', variables: [] },
  { folder: 'go', variables: [] },
]

/** The operator's version managers that exist here, and the variables that say where they are when HOME is another one. */
export function toolchains(operatorHome: string | null): { wanted: Wanted[]; variables: Record<string, string> } {
  const found = operatorHome === null ? [] : TOOLCHAINS.filter(({ folder }) => existsSync(path.join(operatorHome, folder)))
  const entries = found.flatMap(({ folder, variables }) => variables.map((name) => [name, path.join(operatorHome ?? '', folder)] as const))
  return {
    wanted: found.map(({ folder }) => ({ path: path.join(operatorHome ?? '', folder), isReadOnly: true })),
    variables: Object.fromEntries(entries),
  }
}

/** The folder that a program needs beside itself: its installed packages, or its prefix with the node that runs it. */
function packageFolder(file: string): string {
  const modules = file.indexOf('/node_modules/')
  if (modules !== -1) {
    const above = file.slice(0, modules)
    return path.basename(above) === 'lib' ? path.dirname(above) : path.join(above, 'node_modules')
  }
  const folder = path.dirname(file)
  const prefix = path.dirname(folder)
  return path.basename(folder) === 'bin' && isFolder(path.join(prefix, 'lib/node_modules')) ? prefix : folder
}

/** The folder that a program needs, but no folder around those of agents: an agent could make the packages that name it. */
function shownFolder(real: string, agents: AgentFolders): string {
  const ground = agents.around(real)
  const folder = packageFolder(real)
  return ground === null || isWithin(folder, ground) ? folder : real
}

/** The folders of a PATH, each with the packages that its links lead to. */
export const pathFolders = (searchPath: string | undefined, agents: AgentFolders): Wanted[] =>
  (searchPath ?? '')
    .split(':')
    .filter((folder) => path.isAbsolute(folder) && isFolder(folder) && !agents.leadsAstray(folder))
    .flatMap((folder) => [folder, shownFolder(path.join(realPathOf(folder) ?? folder, 'any'), agents)])
    .map((folder) => ({ path: folder, isReadOnly: true }))

/** The parts of a program: the links on the way to it, and the folders that it and its interpreter need. */
export interface Program {
  readonly links: readonly (Mount & { kind: 'link' })[]
  readonly folders: readonly Wanted[]
}

/**
 * Follows a program through links and `#!` lines to the files that are executed. Where an agent can write a link or a line, it
 * leads to what the run sees anyway, and adds no folder.
 */
export function resolveProgram(file: string, searchPath: string | undefined, agents: AgentFolders): Program {
  const links: (Mount & { kind: 'link' })[] = []
  const folders: Wanted[] = []
  let next: string | null = file
  for (let step = 0; next !== null && step < MAX_STEPS; step++) {
    let target: string = next
    for (let count = 0; count < MAX_LINKS; count++) {
      const to = linkTextOf(target)
      if (to === null) break
      links.push({ kind: 'link', target, to })
      target = path.resolve(path.dirname(target), to)
    }
    const real = realPathOf(target)
    if (real === null || agents.leadsAstray(next)) break
    folders.push({ path: shownFolder(real, agents), isReadOnly: true })
    next = interpreterOf(real, searchPath, agents.around(real) === null)
  }
  return { links, folders }
}

/** @param isTrusted whether no agent can write the file; otherwise only programs of the PATH count */
function interpreterOf(file: string, searchPath: string | undefined, isTrusted: boolean): string | null {
  const line = firstLineOf(file)
  if (!line.startsWith('#!')) return null
  const words = line.slice(2).trim().split(/\s+/)
  const [interpreter = '', ...rest] = words
  if (path.basename(interpreter) !== 'env') return isTrusted && path.isAbsolute(interpreter) ? interpreter : null
  const name = rest.find((word) => !word.startsWith('-') && !word.includes('='))
  if (name === undefined || (!isTrusted && name.includes('/'))) return null
  const found = findProgram(name, searchPath, '/')
  return 'file' in found ? found.file : null
}

const firstLineOf = (file: string): string => readBeginning(file, FIRST_LINE_BYTES)?.split('\n')[0] ?? ''

/** The links that lie in no folder that is mounted anyway. */
export const missingLinks = (links: Program['links'], mounts: readonly Mount[]): Mount[] =>
  links.filter(
    ({ target }, at) =>
      links.findIndex((other) => other.target === target) === at && !mounts.some((mount) => isWithin(target, mount.target)),
  )
