// Runs commands under each isolation that this machine has: as root in this process, and as an ordinary user in a child.
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { onTestFinished } from 'vitest'
import type { AdapterType } from '../../model/adapterTypes.ts'
import { createAdapters } from '../registry.ts'
import type { Adapters } from '../registry.ts'
import { jobWith, outcomeOf, recorder } from '../testKit.ts'
import type { Run } from '../testKit.ts'
import type { Given } from '../given.ts'
import { createLauncher, probeIsolation } from './index.ts'
import type { AllowedPath, Isolation } from './isolation.ts'
import type { ForeignSignIn } from './launch.ts'

export const isRoot = process.getuid?.() === 0
/** A way to isolate that a test asks for, and what must be here for it. */
export interface Way {
  readonly name: string
  readonly tools: readonly ('bubblewrap' | 'unshare')[]
}
const ways: readonly Way[] = [
  { name: 'bubblewrap', tools: ['bubblewrap'] },
  { name: 'unshare', tools: ['unshare'] },
]

/** The ways that work on this machine; tests of the others are skipped, which is what the suite reports. */
export async function workingWays(): Promise<readonly Way[]> {
  const home = mkdtempSync(path.join(tmpdir(), 'paperclip-probe-'))
  try {
    const found = await Promise.all(ways.map(async (way) => ({ way, isolation: await isolationOf(way, home) })))
    return found.filter(({ isolation }) => isolation.tool !== null).map(({ way }) => way)
  } finally {
    rmSync(home, { recursive: true, force: true })
  }
}

export const isolationOf = (way: Way, home: string): Promise<Isolation> =>
  probeIsolation({ mode: 'auto', user: null, home, tools: way.tools })

export interface IsolatedServer {
  readonly isolation: Isolation
  /** The server's home, with a secret in it. */
  readonly home: string
  readonly secretFile: string
  /** The home of the operator, in which the tools are signed in. */
  readonly operatorHome: string
  readonly adapters: Adapters
  /** Runs a command to its end and returns its standard output. */
  output(script: string, options?: RunOptions): Promise<string>
  start(script: string, options?: RunOptions): Run
  startAs(type: AdapterType, config: Record<string, unknown>, options?: RunOptions): Run
}

export interface RunOptions {
  readonly agentId?: string
  readonly config?: Record<string, unknown>
  readonly isolation?: 'pending' | 'required'
  /** The instructions and skills of the run. */
  readonly given?: Given
}

export const AGENT = 'a0000000-0000-4000-8000-000000000001'
export const OTHER_AGENT = 'a0000000-0000-4000-8000-000000000002'

export interface ServerOptions {
  readonly way: Way
  readonly allowed?: readonly AllowedPath[]
  readonly environment?: Readonly<Record<string, string | undefined>>
  readonly onForeignSignIn?: (facts: ForeignSignIn) => void
  /** Fills the operator's home, and returns the PATH of the server. */
  readonly prepare?: (operatorHome: string) => string
}

/** The adapters of a server with an operator's home and a home of its own. */
export async function isolatedServer({
  way,
  allowed = [],
  environment = {},
  onForeignSignIn = () => {},
  prepare,
}: ServerOptions): Promise<IsolatedServer> {
  const operatorHome = temporaryFolder()
  chmodSync(operatorHome, 0o700)
  const home = path.join(operatorHome, '.paperclip-server')
  mkdirSync(home, { mode: 0o700 })
  const secretFile = path.join(home, 'agent-jwt-secret')
  writeFileSync(secretFile, 'the secret of the server', { mode: 0o600 })
  const isolation = await isolationOf(way, home)
  const searchPath = prepare?.(operatorHome) ?? process.env['PATH']
  const server = { PATH: searchPath, HOME: operatorHome, ...environment }
  const launcher = createLauncher(isolation, { home, environment: server, allowed, onForeignSignIn })
  const adapters = createAdapters({
    environment: server,
    workFolder: path.join(home, 'work'),
    allowedTypes: null,
    allowedAddresses: [],
    launcher,
  })
  const startAs: IsolatedServer['startAs'] = (type, config, { agentId = AGENT, isolation: recordedAs = 'required', given } = {}) => {
    const recorded = recorder()
    const job = jobWith(config, { agentId, isolation: recordedAs, ...(given === undefined ? {} : { given }) })
    const run = adapters.start(type, job, recorded)
    run.outcome.then((outcome) => recorded.finish(outcome)).catch(() => {})
    onTestFinished(() => run.cancel('The test is over'))
    return { ...run, recorded, job }
  }
  const start: IsolatedServer['start'] = (script, options = {}) =>
    startAs('process', { command: 'sh', args: ['-c', script], graceSec: 1, ...options.config }, options)
  return {
    isolation,
    home,
    secretFile,
    operatorHome,
    adapters,
    start,
    startAs,
    async output(script, options) {
      const run = start(script, options)
      const { error } = await outcomeOf(run)
      const stderr = run.recorded.text('stderr')
      return run.recorded.text('stdout') + (error === null ? '' : `${error}\n${stderr}`)
    },
  }
}

export function temporaryFolder(): string {
  const folder = realpathSync(mkdtempSync(path.join(tmpdir(), 'paperclip-isolation-')))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}
