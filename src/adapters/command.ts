import { mkdir, stat } from 'node:fs/promises'
import path from 'node:path'
import { redact } from '../platform/kernel/redact.ts'
import { emit, failed, notStarted, succeeded } from './adapter.ts'
import type { FinishedOutcome, Job, RunListener, StartedRun } from './adapter.ts'
import { DRAIN_MS, runChild } from './child.ts'
import type { ChildResult, Command, Invocation, NotStarted } from './child.ts'
import { resolveBindings, secretsOf } from './config.ts'
import type { Binding } from './config.ts'
import { childEnvironment } from './environment.ts'
import { runFilesOf } from './given.ts'
import { removeOldRunFiles, removeRunFiles, writeRunFiles } from './isolation/index.ts'
import type { Launcher, RunFiles, ToolNeeds } from './isolation/index.ts'
import { OUTPUT_LIMIT_BYTES } from './output.ts'
import { redactSecrets } from './text.ts'

/** The parts of this server that a command may learn, and the limits of its output. */
export interface CommandHost {
  /** The server's own environment. Children inherit the names on the allow-list from it. */
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Commands without a `cwd` work below this folder, each agent in a folder of its own. */
  readonly workFolder: string
  readonly outputLimitBytes?: number | undefined
  readonly drainMs?: number | undefined
  /** Starts commands isolated. Without it they have the rights of this server. */
  readonly launcher?: Launcher | null | undefined
}

interface CommandConfig {
  readonly cwd?: string | undefined
  readonly env?: Readonly<Record<string, Binding>> | undefined
  readonly timeoutSec: number
  readonly graceSec: number
}

/** An invocation as an adapter describes it. */
export interface CommandInvocation extends Invocation {
  /** The arguments to show in events, where the real ones contain more than flags. */
  readonly shownArgs?: readonly string[]
}

export interface CommandRun {
  readonly job: Job
  readonly config: CommandConfig
  readonly host: CommandHost
  readonly listener: RunListener
  /** The files and variables of the operator that the program needs. */
  readonly needs: ToolNeeds
  /** Arguments of the configuration: those that are paths are shown to an isolated command. */
  readonly namedArgs: readonly string[]
  /** Called when the run starts: files are read at that time. */
  readonly invocation: () => Promise<CommandInvocation | { readonly problem: string }>
  readonly onLine?: (line: string, stream: 'stdout' | 'stderr') => void
  /** Adds what the adapter learned from the output. */
  readonly refineOutcome: (outcome: FinishedOutcome) => FinishedOutcome
}

/** Runs a configured command for a job: `process` and every local agent use this one function. */
export function startCommand(run: CommandRun): StartedRun {
  const { job, config, host, listener } = run
  const bindings = resolveBindings(config.env, 'env', job)
  if (bindings.missing.length > 0) return notStarted(failed('adapter_secret_missing', `No value for ${bindings.missing.join(', ')}`))
  const environment = childEnvironment({ server: host.environment, shared: run.needs.variables }, bindings.values, job)
  const secrets = secretsOf(job)
  const { result, cancel } = runChild(listener, {
    job,
    async prepare() {
      const invocation = await run.invocation()
      if ('problem' in invocation) return invocation
      const missing = await missingProjectFolder(job)
      if (missing !== null) return missing
      const launcher = launcherFor(run, invocation, environment)
      const command = await placed(run, launcher, invocation, environment)
      if ('problem' in command) return command
      const shownArgs = invocation.shownArgs ?? invocation.args
      const details = {
        command: invocation.command,
        commandArgs: redact(shownArgs.map((argument) => redactSecrets(argument, secrets))),
        cwd: command.shownCwd,
        isolation: launcher?.isolation.kind ?? 'none',
        isolationReason: launcher?.isolation.reason ?? 'this server starts commands with its own rights',
        env: [...new Set([...Object.keys(environment), ...variablesBeside(job)])].toSorted(),
        timeoutSec: config.timeoutSec,
      }
      emit(listener, { kind: 'invoked', details })
      return command
    },
    limits: {
      timeoutMs: config.timeoutSec * 1000,
      graceMs: config.graceSec * 1000,
      outputBytes: host.outputLimitBytes ?? OUTPUT_LIMIT_BYTES,
      drainMs: host.drainMs ?? DRAIN_MS,
    },
    secrets,
    onLine: run.onLine,
  })
  const outcome = result.then((childResult) => run.refineOutcome(outcomeOf(childResult))).catch(internalFailure)
  return { outcome, cancel }
}

interface PlacedCommand extends Command {
  readonly shownCwd: string
}

/**
 * The launcher of a run; null where the run has the rights of this server. An agent of before isolation gets it as soon as
 * nothing keeps its configuration from running isolated, and the listener records that: later problems end its runs, because
 * an agent could cause one on purpose.
 */
function launcherFor(run: CommandRun, { command }: Invocation, environment: Readonly<Record<string, string>>): Launcher | null {
  const { host, job, config, needs, namedArgs, listener } = run
  const launcher = host.launcher ?? null
  if (launcher === null || job.isolation !== 'pending') return launcher
  const named = namedTexts(namedArgs, config.env, needs, environment)
  const problems = launcher.check({ agentId: job.agentId, command, cwd: folderOf(job, config), environment, named, needs })
  emit(listener, { kind: 'isolation_tried', problems })
  return problems.length === 0 ? launcher : null
}

/** The invocation with its folder and its environment, isolated where this server isolates the run. */
async function placed(
  { job, config, host, needs, namedArgs }: CommandRun,
  launcher: Launcher | null,
  invocation: CommandInvocation,
  environment: Readonly<Record<string, string>>,
): Promise<PlacedCommand | NotStarted> {
  if (launcher === null) return await placedHere({ job, config, host }, invocation, environment)
  const { runId, agentId } = job
  const { command, args } = invocation
  const named = namedTexts(namedArgs, config.env, needs, environment)
  const request = { agentId, command, environment, named, needs }
  const isolated = await launcher
    .isolate({ ...request, runId, args, cwd: folderOf(job, config), given: runFilesOf(job.given) })
    .catch((error: unknown) => ({ problem: `The run could not be isolated: ${String(error)}` }))
  if (!('problem' in isolated)) return { ...invocation, ...isolated }
  // The agent could run elsewhere, so its configuration is not what has to be changed.
  const isOfProject = hasProjectFolder(job) && launcher.check({ ...request, cwd: config.cwd ?? null }).length === 0
  return isOfProject ? { ...isolated, errorCode: 'project_folder_unavailable' } : isolated
}

/** The variables that a run has besides those of its environment: its files, and the folder that stays. */
const variablesBeside = ({ given }: Job): string[] => ['AGENT_HOME', ...Object.keys(runFilesOf(given)?.variables('') ?? {})]

/** The invocation with the rights of this server. */
async function placedHere(
  { job, config, host }: Pick<CommandRun, 'job' | 'config' | 'host'>,
  invocation: CommandInvocation,
  environment: Readonly<Record<string, string>>,
): Promise<PlacedCommand | NotStarted> {
  const home = await agentFolder(host, job)
  const cwd = folderOf(job, config) ?? home
  if (cwd === null) return { problem: 'The working folder of the agent cannot be created' }
  const given = await filesHere(host, job, runFilesOf(job.given))
  if ('problem' in given) return given
  return {
    ...invocation,
    cwd,
    shownCwd: cwd,
    environment: { ...(home === null ? {} : { AGENT_HOME: home }), ...environment, ...given.variables },
    ...(given.end === undefined ? {} : { end: given.end }),
  }
}

/** The files of a run beside the folders of agents, for a command with the rights of this server. */
async function filesHere(
  host: CommandHost,
  { runId }: Job,
  given: RunFiles | null,
): Promise<{ readonly variables: Readonly<Record<string, string>>; readonly end?: () => Promise<void> } | NotStarted> {
  if (given === null) return { variables: {} }
  // No agent has a name with a dot.
  const parent = path.join(host.workFolder, '.runs')
  await removeOldRunFiles(parent)
  const folder = path.join(parent, runId)
  const made = await mkdir(parent, { recursive: true, mode: 0o700 }).then(
    () => null,
    () => 'The folder for the files of runs cannot be created',
  )
  const problem = made ?? (await writeRunFiles(folder, given, null))
  return problem === null ? { variables: given.variables(folder), end: () => removeRunFiles(folder) } : { problem }
}

const hasProjectFolder = ({ projectFolder }: Job): boolean => typeof projectFolder === 'string' && projectFolder !== ''

/** The folder in which a run works: that of the project, else the configured one, else the agent's own (null). */
const folderOf = (job: Job, { cwd }: CommandConfig): string | null => (hasProjectFolder(job) ? (job.projectFolder ?? null) : (cwd ?? null))

async function missingProjectFolder(job: Job): Promise<NotStarted | null> {
  if (!hasProjectFolder(job)) return null
  const folder = job.projectFolder ?? ''
  const isThere = path.isAbsolute(folder) && (await stat(folder).catch(() => null))?.isDirectory() === true
  if (isThere) return null
  const problem = `The folder of the project does not exist: ${folder}. Create it, or give the project another workspace`
  return { problem, errorCode: 'project_folder_unavailable' }
}

/** The texts that may name paths which the run needs: what the board configured, and the operator's variables for the tool. */
export const namedTexts = (
  args: readonly string[],
  env: CommandConfig['env'],
  needs: ToolNeeds,
  environment: Readonly<Record<string, string | undefined>>,
): string[] => [
  ...args,
  ...Object.values(env ?? {}).flatMap((given) => (typeof given === 'string' ? [given] : given.type === 'plain' ? [given.value] : [])),
  ...needs.variables.flatMap((name) => (name === 'SSH_AUTH_SOCK' ? [] : (environment[name] ?? []))),
]

/**
 * The folder of an agent: it keeps the agent's files between runs and contains no files of another agent. The server created
 * the agent's id, so the id is safe as the name of a folder.
 */
async function agentFolder(host: CommandHost, { agentId }: Job): Promise<string | null> {
  const folder = path.join(host.workFolder, agentId)
  return await mkdir(folder, { recursive: true, mode: 0o700 }).then(
    () => folder,
    () => null,
  )
}

const internalFailure = (error: unknown): FinishedOutcome =>
  failed('adapter_internal', `The outcome of the run could not be read: ${String(error)}`)

function outcomeOf({ problem, errorCode = 'adapter_spawn_failed', stop, exitCode, signal, output }: ChildResult): FinishedOutcome {
  const facts = { ...output, exitCode, signal }
  if (problem !== null) return failed(errorCode, problem, facts)
  if (stop?.cause === 'timed_out') return failed('timeout', stop.reason, { ...facts, status: 'timed_out' })
  if (stop?.cause === 'cancelled') return failed('cancelled', stop.reason, { ...facts, status: 'cancelled' })
  if (signal !== null) return failed('killed_by_signal', `The command was ended by ${signal}`, facts)
  if (exitCode !== 0) return failed('exit_nonzero', `The command exited with code ${exitCode}`, facts)
  return succeeded(facts)
}
