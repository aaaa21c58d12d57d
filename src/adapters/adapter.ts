// The contract between this server and an adapter: the job that it starts, the listener that it reports to, and the outcome.
import type { z } from 'zod'
import type { Binding } from './config.ts'
import type { Given } from './given.ts'
import type { BillingType } from '../model/money.ts'
import type { ToolNeeds } from './isolation/index.ts'
import type { ProcessIdentity } from './processIdentity.ts'

/** The facts of a claimed run that an adapter needs. They name no database row that an adapter could read. */
interface RunFacts {
  readonly runId: string
  readonly agentId: string
  readonly companyId: string
  readonly issueId: string | null
  readonly wakeReason: string | null
  readonly sessionIdBefore: string | null
  /** As stored; the registry validates it before anything is started. */
  readonly adapterConfig: unknown
  /** The folder of the project that the run is for. It goes before the configured one. */
  readonly projectFolder?: string | null
  /** `pending`: an agent of before isolation, which runs without it while something that it needs cannot be had isolated. */
  readonly isolation?: 'pending' | 'required'
}

/** The input of an adapter: the facts of a run, and the values that this server adds to them. */
export interface Job extends RunFacts {
  /** Where the agent finds this server's API, without a trailing slash. */
  readonly apiUrl: string
  /** The run's own token. The agent receives it, and it is redacted wherever the agent prints it. */
  readonly token: string
  /** Values of the config's secret references, by the path of the reference: `env.API_KEY`. */
  readonly secrets?: Readonly<Record<string, string>>
  /** The input of the agent. Agents and people wrote parts of it: it travels as data, never as a flag or a path (I18). */
  readonly prompt: string
  /** Why the run was started, and what was said to the agent since its last run. Undefined where no wake started it. */
  readonly wake?: JobWake
  /** The instructions and skills of the agent, for a program of this host. */
  readonly given?: Given
  /** Further facts for agents that are started over HTTP; plain JSON. */
  readonly context?: Readonly<Record<string, unknown>>
  /** The span of the run, for a program of this host that collects traces itself. Undefined where none are collected. */
  readonly traceParent?: string
}

/** The wake of a run: what it names, what it carries, and the words that the agent has not read yet. */
export interface JobWake {
  readonly commentId: string | null
  readonly approvalId: string | null
  readonly approvalStatus: string | null
  readonly linkedIssueIds: readonly string[]
  readonly payload: Readonly<Record<string, unknown>> | null
  /** Oldest first. A text that is null or cut is whole at its path. */
  readonly words: { readonly items: readonly object[] }
}

export interface Chunk {
  readonly stream: 'stdout' | 'stderr' | 'system'
  /** Well-formed text without NUL. It contains whole characters only, wherever the reads were cut. */
  readonly chunk: string
  /** When this server read it, by this server's clock. */
  readonly ts: string
}

export type LifecycleEvent =
  /** The command or request that follows, with secrets redacted. */
  | { readonly kind: 'invoked'; readonly details: Readonly<Record<string, unknown>> }
  /** An agent of before isolation runs isolated from now on, or runs once more as before; then the problems say why. */
  | { readonly kind: 'isolation_tried'; readonly problems: readonly string[] }
  | { readonly kind: 'started'; readonly process: ProcessIdentity }
  | { readonly kind: 'signalled'; readonly signal: 'SIGTERM' | 'SIGKILL'; readonly why: string }
  | { readonly kind: 'output_capped'; readonly limitBytes: number }
  | { readonly kind: 'exited'; readonly exitCode: number | null; readonly signal: string | null }

/** Receives the output and the events of a run. An error that it throws is ignored: a broken listener does not end a run. */
export interface RunListener {
  /** A returned promise holds back the stream that the chunk came from until it is resolved. */
  output(chunk: Chunk): void | Promise<void>
  event(event: LifecycleEvent): void
  /**
   * Called directly before a process is started, with nothing in between: returns whether the process may still start. This
   * server may have been stopped (SIGSTOP) since it decided to start the run, and the run may be over by now. Without this
   * method a process may always start.
   */
  mayStart?(): boolean
}

/** Reports an event to a listener and ignores an error that the listener throws. */
export function emit(listener: RunListener, event: LifecycleEvent): void {
  try {
    listener.event(event)
  } catch {
    // As with output: a broken listener does not end a run.
  }
}

/** Counts of tokens and their cost, as the agent's program reports them, in one form for all programs. */
export interface Counts {
  /** Without the tokens that were read from the cache, and with those that were written to it. */
  readonly inputTokens: number
  readonly cachedInputTokens: number
  /** With the tokens of reasoning. */
  readonly outputTokens: number
  readonly costUsd: number | null
}

/** The usage of a run. */
export interface Usage extends Counts {
  readonly model: string | null
  /** The provider, where the program names one. */
  readonly provider?: string
  /** How the calls were paid for, where the program says it. */
  readonly billingType?: BillingType
  /** The same counts by model, where the program used more than one. */
  readonly models?: readonly (Counts & { readonly model: string })[]
  /** The session whose totals these are, for a program that counts on when it resumes one. Without it they are of this run alone. */
  readonly ofSession?: string
}

/** Why a run that this server started did not succeed, and what the code says. */
export const errorCodes = {
  adapter_config_invalid: 'The configuration is not valid for the adapter',
  adapter_not_allowed: 'This server does not run agents of this type',
  adapter_secret_missing: 'A secret that the configuration names has no value',
  adapter_spawn_failed:
    'The command could not be started: no such program or folder, instructions that cannot be read, or a path that isolation keeps from it',
  project_folder_unavailable:
    'The folder of the project of the issue is missing, isolation keeps it from the run, or the worktree that the project asks for cannot be made',
  adapter_internal: 'A fault of this server',
  adapter_address_refused: 'The address of the URL is not public and not among `PAPERCLIP_ADAPTER_ADDRESSES`',
  adapter_http_failed: 'No connection, or it was closed without an answer',
  adapter_http_status: 'The answer has a status other than 2xx',
  adapter_http_redirect: 'The answer is a redirect, which is not followed',
  adapter_http_too_large: 'The answer has more than 1 MiB',
  adapter_reported_failure: 'The agent reports that it failed',
  adapter_session_unknown: 'The agent cannot continue the session: the wake gets another run, without it',
  exit_nonzero: 'The command ended with another exit code than 0',
  killed_by_signal: 'A signal that this server did not send ended the command',
  timeout: 'The run took longer than `timeoutSec`',
  cancelled: 'The run was cancelled',
} as const satisfies Readonly<Record<string, string>>
export type ErrorCode = keyof typeof errorCodes

/** The part of a run's output that is kept, and its size. */
export interface OutputTotals {
  /** The last 8 KB of each stream. */
  readonly stdoutExcerpt: string
  readonly stderrExcerpt: string
  /** Everything that the agent wrote, and how much of it exceeded the cap and was not delivered. */
  readonly outputBytes: number
  readonly droppedBytes: number
}

/** The run is over, and no process of it is left on this host. */
export interface FinishedOutcome extends OutputTotals {
  readonly pending: false
  readonly status: 'succeeded' | 'failed' | 'cancelled' | 'timed_out'
  readonly exitCode: number | null
  readonly signal: string | null
  readonly error: string | null
  readonly errorCode: ErrorCode | null
  readonly usage: Usage | null
  readonly result: Readonly<Record<string, unknown>> | null
  /** The session that the next run resumes; null starts a fresh one. */
  readonly sessionIdAfter: string | null
}

/** The agent has accepted the run and will end it through `finish`. Until then only the lease shows that the run is live. */
export interface PendingOutcome extends OutputTotals {
  readonly pending: true
  /** The agent's own id of the run, if it sent one. */
  readonly externalRunId: string | null
}

export type AdapterOutcome = FinishedOutcome | PendingOutcome

export interface StartedRun {
  /** Never rejects. */
  readonly outcome: Promise<AdapterOutcome>
  /** Ends the run: gracefully, then by force. The first reason counts; later calls and calls after the end have no effect. */
  readonly cancel: (reason: string) => void
}

/** One way to run an agent. `config` has passed `schema`. */
export interface Adapter<Config> {
  readonly schema: z.ZodType<Config>
  /** The files and addresses that its runs would use. */
  readonly requirements: (config: Config) => Requirements
  readonly start: (job: Job, config: Config, listener: RunListener) => StartedRun
}

const noOutput: OutputTotals = { stdoutExcerpt: '', stderrExcerpt: '', outputBytes: 0, droppedBytes: 0 }

/** An outcome without an error; `facts` contain what else is known. */
export const succeeded = (facts: Partial<FinishedOutcome> = {}): FinishedOutcome => ({
  ...noOutput,
  pending: false,
  status: 'succeeded',
  exitCode: null,
  signal: null,
  error: null,
  errorCode: null,
  usage: null,
  result: null,
  sessionIdAfter: null,
  ...facts,
})

/** An outcome with an error; `facts` contain what else is known. */
export const failed = (errorCode: ErrorCode, error: string, facts: Partial<FinishedOutcome> = {}): FinishedOutcome => ({
  ...succeeded({ status: 'failed', error, errorCode }),
  ...facts,
})

/** The outcome of a run that continues at the agent's side. */
export const pendingRun = (externalRunId: string | null, output: Partial<OutputTotals> = {}): PendingOutcome => ({
  ...noOutput,
  ...output,
  pending: true,
  externalRunId,
})

/** A run that ended before it started. */
export const notStarted = (outcome: FinishedOutcome): StartedRun => ({ outcome: Promise.resolve(outcome), cancel: () => {} })

/** A command on this host that runs depend on. */
export interface CommandRequirements {
  readonly command: string
  readonly cwd: string | undefined
  readonly env: Readonly<Record<string, Binding>> | undefined
  /** Arguments of the configuration that may be paths. */
  readonly namedArgs: readonly string[]
  readonly needs: ToolNeeds
  /** A file that every run reads. */
  readonly instructions?: string | undefined
}

/** The files or the address that a run would use. */
export type Requirements = CommandRequirements | { readonly url: URL }
