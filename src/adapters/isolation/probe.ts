// Finds out at the start what isolation works on this host. Nothing is assumed: each way is tried with a command.
import { execFile } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync, chownSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { randomUUID } from 'node:crypto'
import { accountPerAgent, namedAccount } from './accounts.ts'
import { notIsolated } from './isolation.ts'
import type { ReservedAccount } from './accounts.ts'
import type { Account, Accounts, Isolation, IsolationMode, NamespaceTool } from './isolation.ts'
import { systemMounts } from './mounts.ts'
import { systemProgram, withEnvironmentFile, wrap, WRAPPER_ENVIRONMENT } from './wrapper.ts'

export interface ProbeOptions {
  readonly mode: IsolationMode
  /** The account that the operator names for agents; null for one account for each. */
  readonly user: string | null
  /** Accounts that the operator may not name. */
  readonly reserved?: readonly ReservedAccount[]
  /** The server's home. */
  readonly home: string
  /** The tools that may be tried; by default both. Tests leave one out. */
  readonly tools?: readonly NamespaceTool['name'][]
}

const run = promisify(execFile)
/** A command that says who it is takes milliseconds; the first one on a cold disk takes longer. */
const PROBE_TIMEOUT_MS = 10_000
/** The agent whose account the probe uses. It is none. */
const PROBE_AGENT = '00000000-0000-4000-8000-000000000000'

const toolFiles = { bubblewrap: 'bwrap', unshare: 'unshare' } as const

/** The outcome of trying one way: null when it works, or one sentence that says why it does not. */
async function tryWay(home: string, account: Account | null, tool: NamespaceTool | null): Promise<string | null> {
  const folder = path.join(home, 'runs', `probe-${randomUUID()}`)
  const environment = path.join(folder, 'environment')
  const secret = path.join(home, 'runs', path.basename(folder), 'secret')
  try {
    mkdirSync(path.join(folder, 'root'), { recursive: true, mode: 0o711 })
    writeFileSync(environment, "export PROBED='yes'\n", { mode: 0o644 })
    writeFileSync(secret, 'secret', { mode: 0o600 })
    // Without a namespace the account may not get into the home, and the script of the environment is passed by another way.
    const file = tool === null ? '/dev/null' : environment
    const script = `[ -r "$1" ] && exit 3; [ "$(id -u)" = "$2" ] || exit 4; ${tool === null ? '' : '[ "$PROBED" = yes ] || exit 5; '}exit 0`
    const uid = account?.uid ?? process.getuid?.() ?? 0
    const command = withEnvironmentFile(file, ['/bin/sh', '-c', script, 'sh', secret, String(uid)])
    const mounts = [...systemMounts(), { kind: 'bind' as const, source: environment, target: environment, isReadOnly: true }]
    if (account !== null) chownSync(environment, account.uid, account.gid)
    const namespace = tool === null ? null : { tool, mounts, cwd: '/' }
    const [first = '', ...args] = wrap({ account, namespace, rootFolder: path.join(folder, 'root') }, command)
    await run(first, args, { env: { ...WRAPPER_ENVIRONMENT }, cwd: '/', timeout: PROBE_TIMEOUT_MS })
    return null
  } catch (error) {
    return `${tool?.name ?? 'setpriv'} does not work here: ${reasonOf(error)}`
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function reasonOf(error: unknown): string {
  const { stderr, code, message } = error as { stderr?: string; code?: unknown; message?: string }
  const said = (stderr ?? '').trim().split('\n').at(-1) ?? ''
  if (said !== '') return said.slice(0, 200)
  return code === 3 ? 'the home of the server can be read' : code === 4 ? 'the user id did not change' : (message ?? '').slice(0, 200)
}

const accountsOf = ({ user, home, reserved = [] }: ProbeOptions): Accounts | { readonly problem: string } =>
  user === null ? accountPerAgent(home) : namedAccount(user, reserved)

/** Tries every tool, the better one first. */
async function findTool(options: ProbeOptions, account: Account | null, failures: string[]): Promise<NamespaceTool | null> {
  for (const name of options.tools ?? (['bubblewrap', 'unshare'] as const)) {
    const file = systemProgram(toolFiles[name])
    const failure = file === null ? `${name} is not installed` : await tryWay(options.home, account, { name, file })
    if (failure === null && file !== null) return { name, file }
    failures.push(failure ?? '')
  }
  return null
}

async function asRoot(options: ProbeOptions): Promise<Isolation> {
  const accounts = accountsOf(options)
  if ('problem' in accounts) throw new Error(accounts.problem)
  const failures: string[] = []
  const account = accounts.of(PROBE_AGENT)
  const tool = await findTool(options, account, failures)
  if (tool !== null)
    return {
      kind: 'account',
      reason: `the server is root: agents have ${accounts.description}, in a namespace by ${tool.name}`,
      tool,
      accounts,
      failures,
    }
  if (options.mode === 'namespace') return notIsolated('no tool can make a namespace', failures)
  const failure = await tryWay(options.home, account, null)
  if (failure === null)
    return {
      kind: 'account',
      reason: `the server is root: agents have ${accounts.description}; no namespace can be made`,
      tool,
      accounts,
      failures,
    }
  return notIsolated('no account can be given to agents and no namespace can be made', [...failures, failure])
}

async function asUser(options: ProbeOptions): Promise<Isolation> {
  const failures: string[] = []
  if (options.user !== null) throw new Error(`PAPERCLIP_AGENT_USER=${options.user} needs a server that runs as root`)
  if (options.mode === 'account') return notIsolated('only a server that runs as root can give agents another account', failures)
  const tool = await findTool(options, null, failures)
  if (tool === null) return notIsolated('no tool can make a namespace', failures)
  return {
    kind: 'namespace',
    reason: `the server is no root: agents share its account, in a namespace by ${tool.name}`,
    tool,
    accounts: null,
    failures,
  }
}

/**
 * Tries what can separate agents from this server, the strongest first, and reports what works and why nothing stronger does.
 * @throws Error with one sentence when the operator asks for a kind that does not work here
 */
export async function probeIsolation(options: ProbeOptions): Promise<Isolation> {
  const { mode, user } = options
  if (mode === 'none' && user !== null)
    throw new Error(`PAPERCLIP_AGENT_USER=${user} contradicts PAPERCLIP_AGENT_ISOLATION=none: agents would have the account of this server`)
  if (mode === 'none') return notIsolated('PAPERCLIP_AGENT_ISOLATION=none asks for it')
  if (process.platform !== 'linux') return unless(options, notIsolated('only Linux has accounts and namespaces that this server can use'))
  mkdirSync(options.home, { recursive: true, mode: 0o700 })
  return unless(options, await (process.getuid?.() === 0 ? asRoot(options) : asUser(options)))
}

/** The isolation, unless the operator asked for another one, or for an account that agents would not have. */
function unless({ mode, user }: ProbeOptions, isolation: Isolation): Isolation {
  if (isolation.kind !== 'none' || (mode === 'auto' && user === null)) return isolation
  const asked = user === null ? `PAPERCLIP_AGENT_ISOLATION=${mode}` : `PAPERCLIP_AGENT_USER=${user}`
  const why = [isolation.reason, ...isolation.failures].join('; ')
  throw new Error(`${asked} does not work here: ${why}. Install bubblewrap, or leave the variable out`)
}
