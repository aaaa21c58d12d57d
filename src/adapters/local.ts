// The agents that run as programs on this host: one table with their flags, and what they have in common.
import path from 'node:path'
import { z } from 'zod'
import type { Adapter, FinishedOutcome, ErrorCode, Job } from './adapter.ts'
import { startCommand } from './command.ts'
import type { CommandHost } from './command.ts'
import { argumentList, commandFields, flagValue, optional, plainText } from './config.ts'
import { toolNeeds } from './isolation/index.ts'
import type { ToolNeeds } from './isolation/index.ts'
import { renderPrompt } from './prompt.ts'
import {
  codexJson,
  geminiJson,
  emptyTranscript,
  hermesText,
  opencodeJson,
  piJson,
  sessionIdFrom,
  spentNothing,
  streamJson,
} from './transcript.ts'
import type { TranscriptParser, Transcript } from './transcript.ts'

/** The fields of every local agent; each agent adds the flags of its program. */
const localFields = {
  ...commandFields,
  command: optional(plainText),
  extraArgs: optional(argumentList),
  model: optional(flagValue),
  promptTemplate: optional(plainText),
  bootstrapPromptTemplate: optional(plainText),
  instructionsFilePath: optional(plainText.refine((file) => path.isAbsolute(file), 'must be an absolute path')),
}
const localConfig = z.object(localFields)
type LocalConfig = z.output<typeof localConfig>

/** One agent's program: its arguments, how it receives its prompt, and the parser of its output. */
interface Program<Config extends LocalConfig> {
  readonly schema: z.ZodType<Config>
  readonly command: string
  /** The files and variables of the operator that it needs. */
  readonly needs: ToolNeeds
  /** Its arguments; `resume` is the session to continue, or null. */
  readonly args: (config: Config, resume: string | null) => readonly string[]
  /** For a program that takes its prompt as an argument. Without it the prompt goes to standard input. */
  readonly promptArgument?: (prompt: string) => string
  readonly parser: TranscriptParser
}

const option = (name: string, value: string | number | null | undefined): string[] =>
  value === null || value === undefined ? [] : [name, String(value)]
const flag = (name: string, isSet: boolean | null | undefined): string[] => (isSet === true ? [name] : [])
const extraArgs = (config: LocalConfig): readonly string[] => config.extraArgs ?? []
const optionalBoolean = optional(z.boolean())
const optionalWord = optional(z.string().regex(/^[a-z][a-z0-9_-]{0,40}$/))

/** Linux accepts 128 KiB in one argument, the terminating NUL included. */
const MAX_ARGUMENT_BYTES = 128 * 1024 - 1024

function localAdapter<Config extends LocalConfig>(program: Program<Config>): (host: CommandHost) => Adapter<Config> {
  return (host) => ({
    schema: program.schema,
    requirements: ({ command = program.command, cwd, env, extraArgs: args, instructionsFilePath }) => ({
      command,
      cwd,
      env,
      namedArgs: args ?? [],
      needs: program.needs,
      instructions: instructionsFilePath,
    }),
    start(job, config, listener) {
      const transcript = emptyTranscript()
      const resume = sessionIdFrom(job.sessionIdBefore)
      return startCommand({
        job,
        config,
        host,
        listener,
        needs: program.needs,
        namedArgs: extraArgs(config),
        invocation: () => invocationOf(program, job, config, resume),
        onLine: (line, stream) => program.parser(transcript, line, stream),
        refineOutcome: (outcome) => withTranscript(outcome, transcript, resume),
      })
    },
  })
}

async function invocationOf<Config extends LocalConfig>(program: Program<Config>, job: Job, config: Config, resume: string | null) {
  const rendered = await renderPrompt(job, config, resume === null)
  if ('problem' in rendered) return rendered
  const command = config.command ?? program.command
  const args = program.args(config, resume)
  if (program.promptArgument === undefined) return { command, args, input: rendered.prompt }
  if (Buffer.byteLength(rendered.prompt) > MAX_ARGUMENT_BYTES) return { problem: `The prompt is too long for an argument of ${command}` }
  const prompt = rendered.prompt.replaceAll('\0', '')
  return { command, args: [...args, program.promptArgument(prompt)], input: null, shownArgs: [...args, program.promptArgument('…')] }
}

/**
 * The outcome of the command with what its output reported: usage, summary, session, and a failure despite exit code 0.
 *
 * A resumed session with which the run failed before it cost anything is given up, whatever the program says about it: each
 * program has its own words for a session that it does not know, and the next run would fail in the same way. One run never starts
 * its agent twice: the same wake gets another run, with a fresh session.
 */
function withTranscript(outcome: FinishedOutcome, transcript: Transcript, resume: string | null): FinishedOutcome {
  const { usage, summary, failure } = transcript
  const result = summary === null && failure === null ? null : { summary, ...(failure === null ? {} : { error: failure }) }
  const hasSucceeded = outcome.status === 'succeeded' && failure === null
  // A failed run leaves the session it resumed; the session that it began itself is worth resuming when it did some work.
  const begun = hasSucceeded || !spentNothing(transcript) ? transcript.sessionId : null
  const enriched = { ...outcome, usage, result, sessionIdAfter: hasSucceeded ? (begun ?? resume) : (resume ?? begun) }
  if (outcome.status === 'cancelled' || outcome.status === 'timed_out' || hasSucceeded) return enriched
  if (resume !== null && spentNothing(transcript) && hasExited(outcome))
    return asFailure(enriched, 'adapter_session_unknown', failure ?? `The agent could not continue the session ${resume}`, null)
  return failure === null ? enriched : asFailure(enriched, 'adapter_reported_failure', failure, enriched.sessionIdAfter)
}

/** The program ran, and ended by itself. A program that could not be started says nothing about a session. */
const hasExited = ({ status, errorCode }: FinishedOutcome): boolean =>
  status === 'succeeded' || errorCode === 'exit_nonzero' || errorCode === 'killed_by_signal'

const asFailure = (outcome: FinishedOutcome, errorCode: ErrorCode, error: string, sessionIdAfter: string | null): FinishedOutcome => ({
  ...outcome,
  status: 'failed',
  errorCode,
  error,
  sessionIdAfter,
})

/** The local agents. The flags are those of the programs' public documentation. */
export const localAdapters = {
  claude_local: localAdapter({
    schema: z.object({
      ...localFields,
      effort: optionalWord,
      chrome: optionalBoolean,
      maxTurnsPerRun: optional(z.int().min(0).max(100_000)),
      dangerouslySkipPermissions: optionalBoolean,
    }),
    command: 'claude',
    needs: toolNeeds.claude,
    args: (config, resume) => [
      '--print',
      '-',
      '--output-format',
      'stream-json',
      '--verbose',
      ...option('--resume', resume),
      ...option('--model', config.model),
      ...option('--effort', config.effort),
      // Stored configurations write 0 for "no limit".
      ...option('--max-turns', config.maxTurnsPerRun === 0 ? null : config.maxTurnsPerRun),
      ...flag('--chrome', config.chrome),
      ...flag('--dangerously-skip-permissions', config.dangerouslySkipPermissions),
      ...extraArgs(config),
    ],
    parser: streamJson,
  }),
  codex_local: localAdapter({
    schema: z.object({
      ...localFields,
      modelReasoningEffort: optionalWord,
      search: optionalBoolean,
      dangerouslyBypassApprovalsAndSandbox: optionalBoolean,
    }),
    command: 'codex',
    needs: toolNeeds.codex,
    args: (config, resume) => [
      ...flag('--search', config.search),
      'exec',
      '--json',
      ...option('--model', config.model),
      ...(config.modelReasoningEffort === undefined ? [] : ['-c', `model_reasoning_effort="${config.modelReasoningEffort}"`]),
      ...flag('--dangerously-bypass-approvals-and-sandbox', config.dangerouslyBypassApprovalsAndSandbox),
      ...extraArgs(config),
      ...option('resume', resume),
      '-',
    ],
    parser: codexJson,
  }),
  gemini_local: localAdapter({
    schema: z.object({ ...localFields, sandbox: optionalBoolean, yolo: optionalBoolean }),
    command: 'gemini',
    needs: toolNeeds.gemini,
    args: (config, resume) => [
      '--output-format',
      'stream-json',
      ...option('--resume', resume),
      ...option('--model', config.model),
      ...flag('--sandbox', config.sandbox),
      ...(config.yolo === true ? ['--approval-mode', 'yolo'] : []),
      ...extraArgs(config),
    ],
    parser: geminiJson,
  }),
  opencode_local: localAdapter({
    schema: z.object({ ...localFields, variant: optionalWord }),
    command: 'opencode',
    needs: toolNeeds.opencode,
    args: (config, resume) => [
      'run',
      '--format',
      'json',
      ...option('--session', resume),
      ...option('--model', config.model),
      ...option('--variant', config.variant),
      ...extraArgs(config),
    ],
    parser: opencodeJson,
  }),
  cursor: localAdapter({
    schema: z.object({ ...localFields, mode: optionalWord, yolo: optionalBoolean }),
    command: 'cursor-agent',
    needs: toolNeeds.cursor,
    args: (config, resume) => [
      '--print',
      '--output-format',
      'stream-json',
      ...option('--resume', resume),
      ...option('--model', config.model),
      ...option('--mode', config.mode),
      ...flag('--force', config.yolo),
      ...extraArgs(config),
    ],
    parser: streamJson,
  }),
  pi_local: localAdapter({
    schema: z.object({ ...localFields, provider: optional(flagValue), thinking: optionalWord }),
    command: 'pi',
    needs: toolNeeds.pi,
    args: (config, resume) => [
      '--print',
      '--mode',
      'json',
      ...option('--session', resume),
      ...option('--provider', config.provider),
      ...option('--model', config.model),
      ...option('--thinking', config.thinking),
      ...extraArgs(config),
    ],
    parser: piJson,
  }),
  hermes_local: localAdapter({
    schema: z.object({ ...localFields, provider: optional(flagValue), yolo: optionalBoolean }),
    command: 'hermes',
    needs: toolNeeds.hermes,
    args: (config, resume) => [
      'chat',
      '--quiet',
      ...option('--resume', resume),
      ...option('--provider', config.provider),
      ...option('--model', config.model),
      ...flag('--yolo', config.yolo),
      ...extraArgs(config),
    ],
    // In one argument with its flag, so that no prompt can be taken for another flag.
    promptArgument: (prompt) => `--query=${prompt}`,
    parser: hermesText,
  }),
} as const
