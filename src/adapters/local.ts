import path from 'node:path'
import { z } from 'zod'
import type { Adapter, Ended, ErrorCode, Job } from './adapter.ts'
import { startCommand } from './command.ts'
import type { CommandHost } from './command.ts'
import { argumentList, commandFields, flagValue, optional, plainText } from './config.ts'
import { promptOf } from './prompt.ts'
import { codexJson, geminiJson, heardNothing, hermesText, opencodeJson, piJson, sessionIdFrom, streamJson } from './transcript.ts'
import type { Dialect, Heard } from './transcript.ts'

/** What every local agent is configured with; each adds the flags that it knows. */
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

/** One agent's program: how it is called, told its prompt, and understood. */
interface Program<Config extends LocalConfig> {
  readonly schema: z.ZodType<Config>
  readonly command: string
  /** Its arguments; `resume` is the session to go on with, or null. */
  readonly args: (config: Config, resume: string | null) => readonly string[]
  /** For the one that takes its prompt as an argument; without it the prompt goes to standard input. */
  readonly promptArgument?: (prompt: string) => string
  readonly dialect: Dialect
}

const option = (name: string, value: string | number | null | undefined): string[] =>
  value === null || value === undefined ? [] : [name, String(value)]
const flag = (name: string, isSet: boolean | null | undefined): string[] => (isSet === true ? [name] : [])
const extra = (config: LocalConfig): readonly string[] => config.extraArgs ?? []
const yes = optional(z.boolean())
const word = optional(z.string().regex(/^[a-z][a-z0-9_-]{0,40}$/))

/** Linux takes 128 KiB in one argument, its end included. */
const LONGEST_ARGUMENT_BYTES = 128 * 1024 - 1024

function local<Config extends LocalConfig>(program: Program<Config>): (host: CommandHost) => Adapter<Config> {
  return (host) => ({
    schema: program.schema,
    needs: ({ command = program.command, cwd, env, instructionsFilePath }) => ({ command, cwd, env, instructions: instructionsFilePath }),
    start(job, config, listener) {
      const heard = heardNothing()
      const resume = sessionIdFrom(job.sessionIdBefore)
      return startCommand({
        job,
        config,
        host,
        listener,
        invocation: () => invocationOf(program, job, config, resume),
        onLine: (line, stream) => program.dialect(heard, line, stream),
        conclude: (ended) => conclude(ended, heard, resume),
      })
    },
  })
}

async function invocationOf<Config extends LocalConfig>(program: Program<Config>, job: Job, config: Config, resume: string | null) {
  const told = await promptOf(job, config, resume === null)
  if ('problem' in told) return told
  const command = config.command ?? program.command
  const args = program.args(config, resume)
  if (program.promptArgument === undefined) return { command, args, input: told.prompt }
  if (Buffer.byteLength(told.prompt) > LONGEST_ARGUMENT_BYTES) return { problem: `The prompt is too long for an argument of ${command}` }
  const prompt = told.prompt.replaceAll('\0', '')
  return { command, args: [...args, program.promptArgument(prompt)], input: null, shownArgs: [...args, program.promptArgument('…')] }
}

const sessionUnknown =
  /no conversation found|(?:session|thread|chat|conversation)[^\n]{0,120}(?:not found|does not exist|unknown|invalid)|(?:no|unknown|invalid) (?:such )?(?:session|thread|chat|rollout)/i

function conclude(ended: Ended, heard: Heard, resume: string | null): Ended {
  const { usage, summary, failure } = heard
  const result = summary === null && failure === null ? null : { summary, ...(failure === null ? {} : { error: failure }) }
  const learned = { ...ended, usage, result, sessionIdAfter: heard.sessionId ?? resume }
  if (ended.status === 'cancelled' || ended.status === 'timed_out') return learned
  if (ended.status === 'succeeded' && failure === null) return learned
  // The session to resume is gone. Nothing is started a second time for one run: the next one starts afresh.
  if (resume !== null && usage === null && sessionUnknown.test(`${failure ?? ''}\n${ended.stderrExcerpt}`))
    return fail(learned, 'adapter_session_unknown', failure ?? `The agent does not know the session ${resume}`, null)
  return failure === null ? learned : fail(learned, 'adapter_reported_failure', failure, learned.sessionIdAfter)
}

const fail = (ended: Ended, errorCode: ErrorCode, error: string, sessionIdAfter: string | null): Ended => ({
  ...ended,
  status: 'failed',
  errorCode,
  error,
  sessionIdAfter,
})

/** The agents that run as programs on this host. Flags are those their public documentation names. */
export const localAdapters = {
  claude_local: local({
    schema: z.object({
      ...localFields,
      effort: word,
      chrome: yes,
      maxTurnsPerRun: optional(z.int().min(0).max(100_000)),
      dangerouslySkipPermissions: yes,
    }),
    command: 'claude',
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
      ...extra(config),
    ],
    dialect: streamJson,
  }),
  codex_local: local({
    schema: z.object({
      ...localFields,
      modelReasoningEffort: word,
      search: yes,
      dangerouslyBypassApprovalsAndSandbox: yes,
    }),
    command: 'codex',
    args: (config, resume) => [
      ...flag('--search', config.search),
      'exec',
      '--json',
      ...option('--model', config.model),
      ...(config.modelReasoningEffort === undefined ? [] : ['-c', `model_reasoning_effort="${config.modelReasoningEffort}"`]),
      ...flag('--dangerously-bypass-approvals-and-sandbox', config.dangerouslyBypassApprovalsAndSandbox),
      ...extra(config),
      ...option('resume', resume),
      '-',
    ],
    dialect: codexJson,
  }),
  gemini_local: local({
    schema: z.object({ ...localFields, sandbox: yes, yolo: yes }),
    command: 'gemini',
    args: (config, resume) => [
      '--output-format',
      'stream-json',
      ...option('--resume', resume),
      ...option('--model', config.model),
      ...flag('--sandbox', config.sandbox),
      ...(config.yolo === true ? ['--approval-mode', 'yolo'] : []),
      ...extra(config),
    ],
    dialect: geminiJson,
  }),
  opencode_local: local({
    schema: z.object({ ...localFields, variant: word }),
    command: 'opencode',
    args: (config, resume) => [
      'run',
      '--format',
      'json',
      ...option('--session', resume),
      ...option('--model', config.model),
      ...option('--variant', config.variant),
      ...extra(config),
    ],
    dialect: opencodeJson,
  }),
  cursor: local({
    schema: z.object({ ...localFields, mode: word, yolo: yes }),
    command: 'cursor-agent',
    args: (config, resume) => [
      '--print',
      '--output-format',
      'stream-json',
      ...option('--resume', resume),
      ...option('--model', config.model),
      ...option('--mode', config.mode),
      ...flag('--force', config.yolo),
      ...extra(config),
    ],
    dialect: streamJson,
  }),
  pi_local: local({
    schema: z.object({ ...localFields, provider: optional(flagValue), thinking: word }),
    command: 'pi',
    args: (config, resume) => [
      '--print',
      '--mode',
      'json',
      ...option('--session', resume),
      ...option('--provider', config.provider),
      ...option('--model', config.model),
      ...option('--thinking', config.thinking),
      ...extra(config),
    ],
    dialect: piJson,
  }),
  hermes_local: local({
    schema: z.object({ ...localFields, provider: optional(flagValue), yolo: yes }),
    command: 'hermes',
    args: (config, resume) => [
      'chat',
      '--quiet',
      ...option('--resume', resume),
      ...option('--provider', config.provider),
      ...option('--model', config.model),
      ...flag('--yolo', config.yolo),
      ...extra(config),
    ],
    // In one word with its flag, so that no prompt can be taken for a flag of its own.
    promptArgument: (prompt) => `--query=${prompt}`,
    dialect: hermesText,
  }),
} as const
