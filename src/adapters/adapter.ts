import type { z } from 'zod'
import type { Binding } from './config.ts'
import type { ProcessIdentity } from './processIdentity.ts'

/** What one run is about, as an adapter needs it. Nothing here names a database row that an adapter could read. */
export interface Job {
  readonly runId: string
  readonly agentId: string
  readonly companyId: string
  readonly issueId: string | null
  readonly wakeReason: string | null
  /** Where this server's API is for the agent, without a trailing slash. */
  readonly apiUrl: string
  /** The run's own token. It goes to the agent and is covered wherever the agent prints it. */
  readonly token: string
  /** The agent's `adapterConfig` as stored; the registry judges it before anything is started. */
  readonly config: unknown
  /** Values of the config's secret references, by the path that `secretPaths` named: `env.API_KEY`. */
  readonly secrets?: Readonly<Record<string, string>>
  readonly sessionIdBefore: string | null
  /** What the agent is told. Written by agents and people: it travels as data, never as a flag or a path (I18). */
  readonly prompt: string
  /** Further facts for agents that are asked over HTTP; plain JSON. */
  readonly context?: Readonly<Record<string, unknown>>
}

export interface Chunk {
  readonly stream: 'stdout' | 'stderr' | 'system'
  /** Well-formed text without NUL: whole characters only, whatever the borders of the reads were. */
  readonly chunk: string
  /** When this server read it, by this server's clock. */
  readonly ts: string
}

export type LifecycleEvent =
  /** What is about to be done, with secrets covered. */
  | { readonly kind: 'invoked'; readonly details: Readonly<Record<string, unknown>> }
  | { readonly kind: 'started'; readonly process: ProcessIdentity }
  | { readonly kind: 'signalled'; readonly signal: 'SIGTERM' | 'SIGKILL'; readonly why: string }
  | { readonly kind: 'output_capped'; readonly limitBytes: number }
  | { readonly kind: 'exited'; readonly exitCode: number | null; readonly signal: string | null }

/** Who is told while a run lives. What it throws is ignored: a broken listener does not end a run. */
export interface RunListener {
  /** A returned promise holds back the stream the chunk came from until it settles. */
  output(chunk: Chunk): void | Promise<void>
  event(event: LifecycleEvent): void
  /**
   * Asked right before a process is started, with nothing in between: whether it still may. This server may have been
   * stopped since it decided to, and the run be over by now. Left out, it always may.
   */
  mayStart?(): boolean
}

/** As the agent's program reports it; whether `inputTokens` contains the cached ones differs between programs. */
export interface Usage {
  readonly inputTokens: number
  readonly cachedInputTokens: number
  readonly outputTokens: number
  readonly costUsd: number | null
  readonly model: string | null
}

export type ErrorCode =
  | 'adapter_config_invalid'
  | 'adapter_not_allowed'
  | 'adapter_secret_missing'
  | 'adapter_spawn_failed'
  | 'adapter_internal'
  | 'adapter_address_refused'
  | 'adapter_http_failed'
  | 'adapter_http_status'
  | 'adapter_http_redirect'
  | 'adapter_http_too_large'
  | 'adapter_reported_failure'
  | 'adapter_session_unknown'
  | 'exit_nonzero'
  | 'killed_by_signal'
  | 'timeout'
  | 'cancelled'

interface OutputTotals {
  /** The last 8 KB of each stream. */
  readonly stdoutExcerpt: string
  readonly stderrExcerpt: string
  /** Everything the agent wrote, and how much of it was beyond the cap and not delivered. */
  readonly outputBytes: number
  readonly droppedBytes: number
}

/** The run is over and nothing of it is left on this host. */
export interface FinishedOutcome extends OutputTotals {
  readonly pending: false
  readonly status: 'succeeded' | 'failed' | 'cancelled' | 'timed_out'
  readonly exitCode: number | null
  readonly signal: string | null
  readonly error: string | null
  readonly errorCode: ErrorCode | null
  readonly usage: Usage | null
  readonly result: Readonly<Record<string, unknown>> | null
  /** What to resume next time; null starts afresh. */
  readonly sessionIdAfter: string | null
}

/** The agent has taken the run and will end it through `finish`; until then only its lease says that it lives. */
export interface PendingOutcome extends OutputTotals {
  readonly pending: true
  /** How the agent names the run on its side, when it said. */
  readonly externalRunId: string | null
}

export type AdapterOutcome = FinishedOutcome | PendingOutcome

export interface StartedRun {
  /** Never rejects. */
  readonly outcome: Promise<AdapterOutcome>
  /** Ends the run: gracefully, then by force. The first reason counts; later calls and calls after the end do nothing. */
  readonly cancel: (reason: string) => void
}

/** One way to run an agent. `config` has passed `schema`. */
export interface Adapter<Config> {
  readonly schema: z.ZodType<Config>
  /** What its runs would use. */
  readonly requirements: (config: Config) => Requirements
  readonly start: (job: Job, config: Config, listener: RunListener) => StartedRun
}

const noOutput: OutputTotals = { stdoutExcerpt: '', stderrExcerpt: '', outputBytes: 0, droppedBytes: 0 }

/** An end without an error; `facts` say what is known. */
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

/** An end with an error; `facts` say what is known beside it. */
export const failed = (errorCode: ErrorCode, error: string, facts: Partial<FinishedOutcome> = {}): FinishedOutcome => ({
  ...succeeded({ status: 'failed', error, errorCode }),
  ...facts,
})

/** A run that lives on at the agent's side. */
export const pendingRun = (externalRunId: string | null, output: Partial<OutputTotals> = {}): PendingOutcome => ({
  ...noOutput,
  ...output,
  pending: true,
  externalRunId,
})

/** A run that is over before it began. */
export const notStarted = (outcome: FinishedOutcome): StartedRun => ({ outcome: Promise.resolve(outcome), cancel: () => {} })

/** A command on this host that runs depend on. */
export interface CommandRequirements {
  readonly command: string
  readonly cwd: string | undefined
  readonly env: Readonly<Record<string, Binding>> | undefined
  /** A file that is read for every run. */
  readonly instructions?: string | undefined
}

/** What a run would use of this host or of the network. */
export type Requirements = CommandRequirements | { readonly url: URL }
