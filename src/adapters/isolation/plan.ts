// Decides what one run sees and as whom it runs, and names what isolation would keep from it.
import path from 'node:path'
import { statSync } from 'node:fs'
import type { AgentFolders } from './agentFolders.ts'
import { checkoutFolders } from './checkout.ts'
import { identitiesOf } from './identity.ts'
import type { Identity } from './identity.ts'
import { folderUse } from './handOver.ts'
import type { HandedOver } from './handOver.ts'
import type { Account, AllowedPath, Isolation, IsolationProblem, Mount } from './isolation.ts'
import { byRealPaths, exposureOf, isFolder, isSharedFolder, mountsOf, realPathOf, systemMounts } from './mounts.ts'
import type { Protected, Wanted } from './mounts.ts'
import { findProgram, missingLinks, pathFolders, resolveProgram, toolchains } from './program.ts'

/** A command that is to run isolated, as its configuration describes it. */
export interface PlanRequest {
  readonly command: string
  readonly cwd: string
  readonly searchPath: string | undefined
  /** Texts of the configuration that may be paths: arguments and values of variables. Never a text that an agent wrote (I18). */
  readonly named: readonly string[]
  readonly account: Account | null
  readonly paths: Protected
  /** The folders that agents may write: a link in one of them brings nothing into the view. */
  readonly agents: AgentFolders
  readonly allowed: readonly AllowedPath[]
}

export interface Plan {
  /** The file of the program, by the name under which it was found. */
  readonly program: string
  readonly mounts: readonly Mount[]
  /** The files that the mounts have to show. Empty where they are made by an account that agents do not have. */
  readonly identities: readonly Identity[]
  readonly handedOver: readonly (Omit<HandedOver, 'target'> & { readonly at: string })[]
}

export type PlanResult = { readonly plan: Plan } | { readonly problems: readonly IsolationProblem[] } | { readonly code: string }

const ALLOW = 'PAPERCLIP_AGENT_PATHS'

/** The folder that shows a file to a run, or the file alone where the folder would show more than belongs to it. */
function around(file: string, folder: string, paths: Protected): string {
  return isSharedFolder(folder) || exposureOf(folder, paths) !== null ? file : folder
}

/** The paths among the texts of a configuration. A file brings its folder, because a program needs what lies beside it. */
function namedPaths(texts: readonly string[], paths: Protected): Wanted[] {
  return texts.flatMap((text): Wanted[] => {
    const file = text.startsWith('/') ? text : text.slice(text.indexOf('=') + 1)
    if (!path.isAbsolute(file) || file === '/' || realPathOf(file) === null) return []
    if (isFolder(file)) return [{ path: file, isReadOnly: false }]
    return [{ path: statSync(file).isFile() ? around(file, path.dirname(file), paths) : file, isReadOnly: true }]
  })
}

const sentences = {
  server: 'it shows files of this server',
  operator: 'it shows the whole home of the account that runs this server',
  system: 'no run sees it',
} as const

function exposureProblems(wanted: readonly Wanted[], paths: Protected, setting: string): IsolationProblem[] {
  return wanted.flatMap(({ path: file }) => {
    const exposure = exposureOf(file, paths)
    if (exposure === null) return []
    return [{ path: file, message: `An isolated run may not have ${file}: ${sentences[exposure]}`, setting }]
  })
}

const astray = (cwd: string): IsolationProblem => ({
  path: cwd,
  message: `An isolated run may not have ${cwd}: a link in a folder that agents may write leads to ${realPathOf(cwd) ?? 'nowhere'}`,
  setting: 'configure the folder itself as cwd, or remove the link',
})

/** The view of a run, or the paths that it would need and may not have. */
export function planRun(isolation: Isolation, request: PlanRequest): PlanResult {
  const { cwd, account, searchPath } = request
  const paths = byRealPaths(request.paths)
  const agents = request.agents.with([cwd])
  const found = findProgram(request.command, searchPath, cwd)
  if ('code' in found) return found
  const named = namedPaths(request.named, paths)
  const problems = [
    ...exposureProblems([{ path: cwd, isReadOnly: false }], paths, 'configure a folder below it as cwd'),
    ...exposureProblems(named, paths, `name the parts of it that the agent needs in ${ALLOW}`),
  ]
  // Without the working folder itself: before the first run no agent has been in it.
  if (request.agents.leadsAstray(cwd)) problems.push(astray(cwd))
  if (problems.length > 0) return { problems }
  const program = resolveProgram(found.file, searchPath, agents)
  const roots = [cwd, ...checkoutFolders(cwd, agents).filter((folder) => exposureOf(folder, paths) === null && !isSharedFolder(folder))]
  const tools = [...program.folders, ...pathFolders(searchPath, agents), ...toolchains(request.paths.operatorHome).wanted]
  const writable = roots.map((folder): Wanted => ({ path: folder, isReadOnly: false }))
  const asked = [...writable, ...named, ...request.allowed, ...narrowed(tools, found.file, paths)]
  const wanted = asked.filter(({ path: file }) => file === cwd || !agents.leadsAstray(file))
  const system = systemMounts()
  const mounts = mountsOf(wanted, system)
  const handing = account === null ? { handedOver: [], problems: [] } : handOvers(mounts, { account, isolation, roots, tools })
  if (handing.problems.length > 0) return { problems: handing.problems }
  const unseen = isolation.tool === null && account !== null ? unreachable([found.file, ...program.folders.map((each) => each.path)]) : []
  if (unseen.length > 0) return { problems: unseen }
  const all = [...system, ...mounts]
  // A server that is root opens what it hands over without following links, and gives each agent an account of its own.
  const identities = account === null && isolation.tool !== null ? identitiesOf(mounts) : []
  return {
    plan: { identities, program: found.file, mounts: [...all, ...missingLinks(program.links, all)], handedOver: handing.handedOver },
  }
}

/** The tools' folders without those that would show too much: of them a run has the program's own file. */
const narrowed = (tools: readonly Wanted[], program: string, paths: Protected): Wanted[] => [
  ...tools.filter(({ path: folder }) => exposureOf(folder, paths) === null && !isSharedFolder(folder)),
  ...(exposureOf(path.dirname(program), paths) === null ? [] : [{ path: program, isReadOnly: true }]),
]

/** Whether everybody may read a file or folder, as installed programs are. */
const isOpen = (file: string): boolean => {
  const { mode } = statSync(file)
  return (mode & 0o004) !== 0 && (!isFolder(file) || (mode & 0o001) !== 0)
}

interface HandOverFacts {
  readonly account: Account
  readonly isolation: Isolation
  /** The folders in which the agent works. */
  readonly roots: readonly string[]
  readonly tools: readonly Wanted[]
}

/** The paths that another account is to use, each as it is or through a mount. */
function handOvers(mounts: readonly Mount[], { account, isolation, roots, tools }: HandOverFacts) {
  const openTools = new Set(tools.flatMap(({ path: folder }) => [folder, realPathOf(folder) ?? folder]))
  const handedOver: { source: string; owner: Account; at: string }[] = []
  const problems: IsolationProblem[] = []
  for (const mount of mounts) {
    if (mount.kind === 'link') continue
    if (openTools.has(mount.target) && isOpen(mount.source) && !roots.includes(mount.target)) continue
    const use = folderUse(mount.source, account, isolation.tool !== null)
    if (use.kind === 'hand_over') handedOver.push({ source: mount.source, owner: use.owner, at: mount.target })
    if (use.kind === 'closed' && roots.includes(mount.target))
      problems.push({
        path: mount.target,
        message: `The account of the agent (uid ${account.uid}) may not write ${mount.target}, and this server cannot hand it over`,
        setting: 'name the owner of the folder in PAPERCLIP_AGENT_USER, or install perl and bubblewrap',
      })
  }
  return { handedOver, problems }
}

/** Without a namespace the account has to get to the program by itself. */
function unreachable(files: readonly string[]): IsolationProblem[] {
  const closed = files.flatMap((file) => foldersAbove(file).filter((folder) => (statSync(folder).mode & 0o001) === 0))
  return [...new Set(closed)].slice(0, 1).map((folder) => ({
    path: folder,
    message: `The account of the agent may not enter ${folder}, where its program is`,
    setting: 'install the program for all users, for example below /usr/local, or install bubblewrap',
  }))
}

function foldersAbove(file: string): string[] {
  const folder = path.dirname(file)
  return folder === '/' ? ['/'] : [...foldersAbove(folder), folder]
}
