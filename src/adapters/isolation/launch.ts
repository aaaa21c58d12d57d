// Starts commands isolated: makes the folders of a run, plans what it sees, and gives the command line that does it.
import { mkdirSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import {
  agentsBase,
  makeRunFolders,
  removeOldRunFolders,
  removeRunFolder,
  workFolderOf,
  writeAccounts,
  writeEnvironment,
} from './folders.ts'
import type { RunFolders } from './folders.ts'
import { agentFolderRecord } from './agentFolders.ts'
import type { AgentFolderRecord } from './agentFolders.ts'
import { collectSignIn, seedHome } from './agentHome.ts'
import type { Homes } from './agentHome.ts'
import { handOver } from './handOver.ts'
import type { HandedOver } from './handOver.ts'
import type { Account, AllowedPath, Isolation, IsolationProblem, Mount, ToolNeeds } from './isolation.ts'
import { linkTextOf } from './mounts.ts'
import { planRun } from './plan.ts'
import type { Plan, PlanResult } from './plan.ts'
import { toolchains } from './program.ts'
import { relaySshAgent } from './sshAgentRelay.ts'
import { writeRunFiles } from './runFiles.ts'
import type { RunFiles } from './runFiles.ts'
import { endProcessesOf } from './strays.ts'
import { withEnvironmentFile, wrap, WRAPPER_ENVIRONMENT } from './wrapper.ts'

/** A command of a run before it is isolated. */
export interface LaunchRequest {
  readonly runId: string
  readonly agentId: string
  readonly command: string
  readonly args: readonly string[]
  /** The configured working folder; null for the agent's own. */
  readonly cwd: string | null
  readonly environment: Readonly<Record<string, string>>
  /** Texts of the configuration that may name paths. */
  readonly named: readonly string[]
  readonly needs: ToolNeeds
  /** The files that the run is given; none unless said. */
  readonly given?: RunFiles | null
}

/** The facts that decide whether a command can run isolated. */
type CheckRequest = Omit<LaunchRequest, 'runId' | 'args' | 'given'>

/** A command that runs isolated. */
export interface IsolatedCommand {
  readonly command: string
  readonly args: readonly string[]
  readonly cwd: string
  /** The environment of the wrapper. The run's own is in a file that only the run reads. */
  readonly environment: Readonly<Record<string, string>>
  /** The working folder as the run sees it. */
  readonly shownCwd: string
  /** Whether the first process is the outside of a namespace, whose end ends every process in it. */
  readonly isSealed: boolean
  /** Ends what the run left, takes back a refreshed sign-in, and removes the private folder. Never rejects. */
  end(): Promise<void>
}

export interface LauncherOptions {
  /** The server's home. */
  readonly home: string
  /** The server's own environment. */
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly allowed: readonly AllowedPath[]
  /** Called once for each run whose sign-in is not of the operator's account, and therefore not taken back. */
  readonly onForeignSignIn?: (facts: ForeignSignIn) => void
}

/** A sign-in that an agent has put in the place of the operator's. */
export interface ForeignSignIn {
  readonly agentId: string
  readonly runId: string
  /** Relative to the home. */
  readonly files: readonly string[]
}

/** Starts isolated commands of one server. */
export interface Launcher {
  readonly isolation: Isolation
  /** The account under which an agent runs; null where it is that of this server. */
  accountOf(agentId: string): Account | null
  isolate(request: LaunchRequest): Promise<IsolatedCommand | { readonly problem: string }>
  /** Whether a link that an agent could have made leads a path elsewhere. This server does not read there for a run. */
  leadsAstray(file: string): boolean
  /** Whether a file that was opened by a path lies out of the folder of agents that the path goes into: an agent exchanged it meanwhile. */
  leadsOut(file: string, opened: string): boolean
  /** The reasons that keep a configuration from running isolated. Creates nothing but the agent's work folder. */
  check(request: CheckRequest): readonly string[]
}

const problemText = ({ message, setting }: IsolationProblem): string => `${message}. To change that: ${setting}`

const isFolder = (folder: string): boolean => statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true

/** A live run: its sign-in is collected before another run is seeded, and the account of its agent is not swept. */
interface LiveRun {
  readonly agentId: string
  collect(): Promise<void>
}

/** The state of the launcher of one server. */
interface State {
  readonly isolation: Isolation
  readonly options: LauncherOptions
  /** The folder in which agents have theirs. */
  readonly base: string
  readonly operatorHome: string | null
  readonly folders: AgentFolderRecord
  readonly live: Map<string, LiveRun>
}

/** @param isolation what the probe found; not `none` */
export function createLauncher(isolation: Isolation, options: LauncherOptions): Launcher {
  const base = agentsBase(isolation, options.home)
  const ofAgents = ['work', 'agents', 'runs'].map((name) => path.join(base, name))
  const record = agentFolderRecord(path.join(options.home, 'agent-folders'), ofAgents, options.allowed)
  const state: State = { isolation, options, base, operatorHome: options.environment['HOME'] ?? null, folders: record, live: new Map() }
  removeOldRunFolders(base)
  return {
    isolation,
    accountOf: (agentId) => accountOf(state, agentId),
    isolate: (request) => isolate(state, request),
    leadsAstray: (file) => record.read().leadsAstray(file),
    leadsOut: (file, opened) => record.read().leadsOut(file, opened),
    check(request) {
      const cwd = cwdOf(state, request)
      if (!isFolder(cwd)) return [`The working folder does not exist: ${cwd}`]
      const result = planOf(state, request, cwd)
      if ('code' in result) return [`The command cannot be started: ${request.command} (${result.code})`]
      return 'problems' in result ? result.problems.map(problemText) : []
    },
  }
}

const accountOf = ({ isolation }: State, agentId: string): Account | null => isolation.accounts?.of(agentId) ?? null

const cwdOf = (state: State, { cwd, agentId }: CheckRequest): string =>
  cwd ?? workFolderOf(state.base, state.options.home, agentId, accountOf(state, agentId))

function planOf(state: State, { command, environment, named, agentId }: CheckRequest, cwd: string): PlanResult {
  const { isolation, options, base, operatorHome } = state
  const own = [path.join(base, 'work', agentId), path.join(base, 'agents', agentId, 'home')]
  return planRun(isolation, {
    command,
    cwd,
    searchPath: environment['PATH'],
    named,
    account: accountOf(state, agentId),
    paths: { home: options.home, operatorHome, own },
    allowed: options.allowed,
    agents: state.folders.read(),
  })
}

async function isolate(state: State, request: LaunchRequest): Promise<IsolatedCommand | { readonly problem: string }> {
  const { isolation, base, operatorHome, live } = state
  const { runId, agentId, needs } = request
  const cwd = cwdOf(state, request)
  if (!isFolder(cwd)) return { problem: `The working folder does not exist: ${cwd}` }
  const result = planOf(state, request, cwd)
  if ('code' in result) return { problem: `The command cannot be started: ${request.command} (${result.code})` }
  if ('problems' in result) return { problem: result.problems.map(problemText).join('; ') }
  state.folders.add(result.plan.mounts)
  const account = accountOf(state, agentId)
  const owner = account ?? { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }
  const folders = makeRunFolders(base, { runId, agentId }, owner)
  const given = await giveFiles(folders, request.given ?? null, owner)
  if (given.problem !== null) {
    await removeRunFolder(folders.folder)
    return { problem: given.problem }
  }
  const agents = state.folders.read()
  const links = {
    leadsAstray: (file: string): boolean => agents.leadsAstray(file),
    leadsOut: (file: string, opened: string): boolean => agents.leadsOut(file, opened),
  }
  const homes: Homes | null =
    operatorHome === null ? null : { operator: operatorHome, agent: folders.home, record: folders.seedRecord, owner, ...links }
  await Promise.all([...live.values()].map((run) => run.collect()))
  if (homes !== null) seedHome(homes, needs)
  let isReported = false
  const collect = async (): Promise<void> => {
    const files = homes === null ? [] : (await collectSignIn(homes, needs)).foreign
    if (files.length === 0 || isReported) return
    isReported = true
    state.options.onForeignSignIn?.({ agentId, runId, files })
  }
  live.set(runId, { agentId, collect })
  const socket = await sshSocket(request.environment['SSH_AUTH_SOCK'], folders, account)
  writeAccounts(folders, owner)
  const environment = { ...runEnvironment(state, request, folders, socket.path), ...given.variables }
  writeEnvironment(folders.environment, environment, owner)
  const [command = '', ...args] = commandLine(
    { isolation, account, folders, cwd, plan: result.plan, socket: socket.path, given: given.folder },
    request.args,
  )
  return {
    command,
    args,
    cwd: isolation.tool === null ? cwd : '/',
    environment: WRAPPER_ENVIRONMENT,
    shownCwd: cwd,
    isSealed: isolation.tool !== null,
    async end() {
      live.delete(runId)
      socket.close()
      await endStrays(state, agentId, account).catch(() => {})
      await collect().catch(() => {})
      await removeRunFolder(folders.folder)
    },
  }
}

/** Writes the files of a run into its private folder. */
async function giveFiles(folders: RunFolders, given: RunFiles | null, owner: Account) {
  if (given === null) return { folder: null, variables: {}, problem: null }
  const folder = path.join(folders.folder, 'given')
  return { folder, variables: given.variables(folder), problem: await writeRunFiles(folder, given, owner) }
}

/** Ends what the run left under its agent's account, unless a namespace has done it or another run has the account. */
async function endStrays({ isolation, live }: State, agentId: string, account: Account | null): Promise<void> {
  if (account === null || isolation.tool !== null || isolation.accounts?.areSeparate !== true) return
  if (![...live.values()].some((run) => run.agentId === agentId)) await endProcessesOf(account.uid)
}

/** The run's environment with what isolation changes: its home, its folder for temporary files, its tools, its ssh agent. */
function runEnvironment(
  { isolation, operatorHome }: State,
  { environment }: LaunchRequest,
  folders: RunFolders,
  socket: string | null,
): Record<string, string> {
  const rest = Object.fromEntries(Object.entries(environment).filter(([name]) => name !== 'TMPDIR'))
  return {
    ...toolchains(operatorHome).variables,
    ...rest,
    HOME: folders.home,
    // A folder that stays from run to run; the board may have chosen another one.
    AGENT_HOME: rest['AGENT_HOME'] ?? folders.home,
    ...(isolation.tool === null ? { TMPDIR: folders.temporary } : {}),
    ...(socket === null ? {} : { SSH_AUTH_SOCK: socket }),
  }
}

/** The socket of the operator's ssh agent for a run: itself in a namespace, a relay for another account. */
async function sshSocket(given: string | undefined, folders: RunFolders, account: Account | null) {
  const nothing = { path: null, close: () => {} }
  if (given === undefined || statSync(given, { throwIfNoEntry: false })?.isSocket() !== true) return nothing
  if (account === null) return { path: given, close: () => {} }
  const file = path.join(folders.folder, 'ssh-agent')
  return await relaySshAgent(file, given, account).then(
    (close) => ({ path: file, close }),
    () => nothing,
  )
}

interface Parts {
  readonly isolation: Isolation
  readonly account: Account | null
  readonly folders: RunFolders
  readonly cwd: string
  readonly plan: Plan
  readonly socket: string | null
  /** The folder of the files that the run is given; null for none. */
  readonly given: string | null
}

function commandLine({ isolation, account, folders, cwd, plan, socket, given }: Parts, args: readonly string[]): readonly string[] {
  const command = withEnvironmentFile(folders.environment, [plan.program, ...args])
  const { tool } = isolation
  if (tool === null) return wrap({ account, namespace: null, rootFolder: folders.root }, command)
  const handed = plan.handedOver.map((each, at): HandedOver & { at: string } => ({
    ...each,
    target: path.join(folders.folder, `handed-${at}`),
  }))
  for (const { source, target } of handed) {
    if (isFolder(source)) mkdirSync(target, { mode: 0o700 })
    else writeFileSync(target, '')
  }
  const stagingOf = (mount: Mount): Mount => {
    const staging = handed.find(({ at }) => at === mount.target)
    return staging === undefined || mount.kind === 'link' ? mount : { ...mount, source: staging.target }
  }
  const own = (source: string, isReadOnly: boolean, target: string = source): Mount => ({ kind: 'bind', source, target, isReadOnly })
  const accounts = linkTextOf('/etc/passwd') === null && isFile('/etc/passwd') ? [own(folders.passwd, true, '/etc/passwd')] : []
  const groups = linkTextOf('/etc/group') === null && isFile('/etc/group') ? [own(folders.group, true, '/etc/group')] : []
  const mounts = [
    // The temporary folder first: project folders may lie below it.
    own(folders.temporary, false, '/tmp'),
    ...plan.mounts.map(stagingOf),
    own(folders.home, false),
    own(folders.environment, true),
    ...(given === null ? [] : [own(given, true)]),
    ...(socket === null ? [] : [own(socket, false)]),
    ...accounts,
    ...groups,
  ]
  const wrapped = wrap({ account, namespace: { tool, mounts, identities: plan.identities, cwd }, rootFolder: folders.root }, command)
  return account === null ? wrapped : handOver(handed, account, wrapped)
}

const isFile = (file: string): boolean => statSync(file, { throwIfNoEntry: false })?.isFile() === true
