import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { redact } from '../platform/kernel/redact.ts'
import { failed, notStarted, succeeded } from './adapter.ts'
import type { FinishedOutcome, Job, RunListener, StartedRun } from './adapter.ts'
import { DRAIN_MS, runChild } from './child.ts'
import type { ChildResult } from './child.ts'
import { resolveBindings, secretsOf } from './config.ts'
import type { Binding } from './config.ts'
import { childEnvironment } from './environment.ts'
import { OUTPUT_LIMIT_BYTES, emit } from './output.ts'
import { redactSecrets } from './text.ts'

/** What of the server a command may know. */
export interface CommandHost {
  /** The server's own environment, of which children inherit the names on the allow-list. */
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Where commands without a `cwd` work: each agent in a folder of its own below this one. */
  readonly workFolder: string
  readonly outputLimitBytes?: number | undefined
  readonly drainMs?: number | undefined
}

interface CommandConfig {
  readonly cwd?: string | undefined
  readonly env?: Readonly<Record<string, Binding>> | undefined
  readonly timeoutSec: number
  readonly graceSec: number
}

export interface Invocation {
  readonly command: string
  readonly args: readonly string[]
  readonly input: string | null
  /** Arguments as they may be shown, where they carry more than flags. */
  readonly shownArgs?: readonly string[]
}

export interface CommandRun {
  readonly job: Job
  readonly config: CommandConfig
  readonly host: CommandHost
  readonly listener: RunListener
  /** Made when the run starts; what it reads from disk is read then. */
  readonly invocation: () => Promise<Invocation | { readonly problem: string }>
  readonly onLine?: (line: string, stream: 'stdout' | 'stderr') => void
  /** Adds what the adapter learned from the output. */
  readonly refineOutcome: (ended: FinishedOutcome) => FinishedOutcome
}

/** Runs a configured command for a job: the one runner under `process` and every local agent. */
export function startCommand(run: CommandRun): StartedRun {
  const { job, config, host, listener } = run
  const bindings = resolveBindings(config.env, 'env', job)
  if (bindings.missing.length > 0) return notStarted(failed('adapter_secret_missing', `No value for ${bindings.missing.join(', ')}`))
  const environment = childEnvironment(host.environment, bindings.values, job)
  const secrets = secretsOf(job)
  const { result: end, cancel } = runChild(listener, {
    job,
    async prepare() {
      const invocation = await run.invocation()
      if ('problem' in invocation) return invocation
      const { command, args, input, shownArgs } = invocation
      const cwd = config.cwd ?? (await agentFolder(host, job))
      if (cwd === null) return { problem: 'The working folder of the agent cannot be made' }
      const shownCommandArgs = redact((shownArgs ?? args).map((argument) => redactSecrets(argument, secrets)))
      const details = {
        command,
        commandArgs: shownCommandArgs,
        cwd,
        env: Object.keys(environment).toSorted(),
        timeoutSec: config.timeoutSec,
      }
      emit(listener, { kind: 'invoked', details })
      return { command, args, cwd, environment, input }
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
  return { outcome: end.then((result) => run.refineOutcome(outcomeOf(result))).catch(internalFailure), cancel }
}

/** An agent finds what it left behind, and nothing of another agent's. Its id is the server's word, so it may name a folder. */
async function agentFolder(host: CommandHost, { agentId }: Job): Promise<string | null> {
  const folder = path.join(host.workFolder, agentId)
  return await mkdir(folder, { recursive: true, mode: 0o700 }).then(
    () => folder,
    () => null,
  )
}

const internalFailure = (error: unknown): FinishedOutcome =>
  failed('adapter_internal', `The end of the run could not be read: ${String(error)}`)

function outcomeOf({ problem, stop, exitCode, signal, output }: ChildResult): FinishedOutcome {
  const facts = { ...output, exitCode, signal }
  if (problem !== null) return failed('adapter_spawn_failed', problem, facts)
  if (stop?.cause === 'timed_out') return failed('timeout', stop.reason, { ...facts, status: 'timed_out' })
  if (stop?.cause === 'cancelled') return failed('cancelled', stop.reason, { ...facts, status: 'cancelled' })
  if (signal !== null) return failed('killed_by_signal', `The command was ended by ${signal}`, facts)
  if (exitCode !== 0) return failed('exit_nonzero', `The command exited with code ${exitCode}`, facts)
  return succeeded(facts)
}
