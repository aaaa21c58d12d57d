// The programs of the local agents, as data: the fields of their configurations, their flags, and how each one receives its prompt.
import path from 'node:path'
import { z } from 'zod'
import { argumentList, commandFields, flagValue, optional, plainText } from './config.ts'
import { toolNeeds } from './isolation/index.ts'
import type { ToolNeeds } from './isolation/index.ts'
import { codexJson, geminiJson, hermesText, opencodeJson, piJson, streamJson } from './transcript.ts'
import type { TranscriptParser } from './transcript.ts'

/** The fields of every local agent; each agent adds the flags of its program. */
const localFields = {
  ...commandFields,
  command: optional(plainText).describe("The program, instead of the adapter's own"),
  extraArgs: optional(argumentList).describe('Further arguments, behind the others'),
  model: optional(flagValue).describe('`--model`'),
  promptTemplate: optional(plainText).describe(
    'The prompt, with `{{prompt}}` where the text of the server goes; without it that text follows',
  ),
  bootstrapPromptTemplate: optional(plainText).describe('Stands before the prompt when no session is resumed'),
  instructionsFilePath: optional(plainText.refine((file) => path.isAbsolute(file), 'must be an absolute path')).describe(
    'A file of at most 256 KiB that this server reads at every start; its text stands before the prompt',
  ),
}
const localConfig = z.object(localFields)
export type LocalConfig = z.output<typeof localConfig>

/** One agent's program: its arguments, how it receives its prompt, and the parser of its output. */
export interface Program<Config extends LocalConfig> {
  readonly schema: z.ZodObject & z.ZodType<Config>
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

const program = <Config extends LocalConfig>(described: Program<Config>): Program<Config> => described

/** The local agents. The flags are those of the programs' public documentation. */
export const localPrograms = {
  claude_local: program({
    schema: z.object({
      ...localFields,
      effort: optionalWord.describe('`--effort`'),
      chrome: optionalBoolean.describe('`--chrome`'),
      maxTurnsPerRun: optional(z.int().min(0).max(100_000)).describe('`--max-turns`; 0 is no limit'),
      dangerouslySkipPermissions: optionalBoolean.describe('`--dangerously-skip-permissions`'),
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
  codex_local: program({
    schema: z.object({
      ...localFields,
      modelReasoningEffort: optionalWord.describe('`-c model_reasoning_effort=…`'),
      search: optionalBoolean.describe('`--search`'),
      dangerouslyBypassApprovalsAndSandbox: optionalBoolean.describe('`--dangerously-bypass-approvals-and-sandbox`'),
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
  gemini_local: program({
    schema: z.object({
      ...localFields,
      sandbox: optionalBoolean.describe('`--sandbox`'),
      yolo: optionalBoolean.describe('`--approval-mode yolo`'),
    }),
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
  opencode_local: program({
    schema: z.object({ ...localFields, variant: optionalWord.describe('`--variant`') }),
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
  cursor: program({
    schema: z.object({ ...localFields, mode: optionalWord.describe('`--mode`'), yolo: optionalBoolean.describe('`--force`') }),
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
  pi_local: program({
    schema: z.object({
      ...localFields,
      provider: optional(flagValue).describe('`--provider`'),
      thinking: optionalWord.describe('`--thinking`'),
    }),
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
  hermes_local: program({
    schema: z.object({
      ...localFields,
      provider: optional(flagValue).describe('`--provider`'),
      yolo: optionalBoolean.describe('`--yolo`'),
    }),
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
