// The fields of the configurations of adapters, as doc/generated/adapters.md has them; a test compares the two.

import type { AdapterType } from '../../model/adapterTypes.ts'

/** A field as the document describes it. */
export interface AdapterField {
  readonly name: string
  /** As a reader of the document sees it: `string[]`, `number, 0 to 300`. */
  readonly type: string
  /** The value without one; empty for none. */
  readonly byDefault: string
  readonly meaning: string
}

const field = (name: string, type: string, byDefault: string, meaning: string): AdapterField => ({ name, type, byDefault, meaning })
const optional = (name: string, type: string, meaning: string): AdapterField => field(name, type, '', meaning)

const REQUIRED = '**required**'
const timeoutSec = field('timeoutSec', 'number, 0 to 86400', '`3600`', 'Seconds until the run is stopped as `timed_out`; 0 is the longest')
const timeoutMs = optional(
  'timeoutMs',
  'number, 0 to 86400000',
  'The same limit in milliseconds; it goes before `timeoutSec`, unless it is 0',
)
const cwd = optional('cwd', 'string', 'The working folder, an absolute path that exists; without it the agent has a folder of its own')
const env = optional('env', 'names to values', 'Variables of the environment, at most 200')
const graceSec = field('graceSec', 'number, 0 to 300', '`10`', 'Seconds between SIGTERM and SIGKILL when the run is stopped')
const headers = optional('headers', 'names to values', 'Headers of the request, at most 100, except those of the connection itself')
const desiredSkills = optional(
  'desiredSkills',
  'string[]',
  'The skills of the agent, whose files each run gets, by their names, at most 20',
)
const command = [cwd, env, timeoutSec, graceSec, desiredSkills]

/** The fields of every local agent. */
const local = [
  ...command,
  optional('command', 'string', "The program, instead of the adapter's own"),
  optional('extraArgs', 'string[]', 'Further arguments, behind the others'),
  optional('model', 'string', '`--model`'),
  optional('promptTemplate', 'string', 'The prompt, with `{{prompt}}` where the text of the server goes; without it that text follows'),
  optional('bootstrapPromptTemplate', 'string', 'Stands before the prompt when no session is resumed'),
  optional(
    'instructionsFilePath',
    'string',
    'A file of at most 256 KiB that this server reads at every start; its text stands before the prompt',
  ),
]

/** The fields of each type of adapter, in the order of the document. */
export const adapterFields: Readonly<Record<AdapterType, readonly AdapterField[]>> = {
  process: [
    field('command', 'string', REQUIRED, 'The program: a path, or a name that is searched in `PATH`. Never a line for a shell'),
    optional('args', 'string[]', 'Its arguments'),
    ...command,
  ],
  http: [
    field('url', 'string', REQUIRED, 'Where the run is announced'),
    field('method', '`POST`, `PUT`, `post`, `put`', '`"POST"`', 'The method of the request'),
    headers,
    optional('payloadTemplate', 'object', 'Further fields of the body; a field of the run with the same name replaces them'),
    optional('async', 'boolean', 'The agent ends the run itself, through `finish`, whatever it answers'),
    optional('sendToken', 'boolean', 'Whether the body contains the token of the run; without it, when the URL is https'),
    timeoutSec,
    timeoutMs,
  ],
  openclaw_gateway: [
    field('url', 'string', REQUIRED, 'Where the gateway listens; the path is ignored, and `ws:` is read as `http:`'),
    optional('authToken', 'value', 'The bearer of the request'),
    headers,
    optional('agentId', 'string', "The gateway's own name of the agent; without it `main`"),
    optional(
      'sessionKeyStrategy',
      '`issue`, `fixed`, `run`',
      'The runs that share a session of the gateway: those of an issue (so without it), all of the agent (`fixed`), or none (`run`)',
    ),
    optional('sessionKey', 'string', 'The name of the session under `fixed`'),
    timeoutSec,
    timeoutMs,
  ],
  claude_local: [
    ...local,
    optional('effort', 'string', '`--effort`'),
    optional('chrome', 'boolean', '`--chrome`'),
    optional('maxTurnsPerRun', 'integer, 0 to 100000', '`--max-turns`; 0 is no limit'),
    optional('dangerouslySkipPermissions', 'boolean', '`--dangerously-skip-permissions`'),
  ],
  codex_local: [
    ...local,
    optional('modelReasoningEffort', 'string', '`-c model_reasoning_effort=…`'),
    optional('search', 'boolean', '`--search`'),
    optional('dangerouslyBypassApprovalsAndSandbox', 'boolean', '`--dangerously-bypass-approvals-and-sandbox`'),
  ],
  gemini_local: [...local, optional('sandbox', 'boolean', '`--sandbox`'), optional('yolo', 'boolean', '`--approval-mode yolo`')],
  opencode_local: [...local, optional('variant', 'string', '`--variant`')],
  pi_local: [...local, optional('provider', 'string', '`--provider`'), optional('thinking', 'string', '`--thinking`')],
  cursor: [...local, optional('mode', 'string', '`--mode`'), optional('yolo', 'boolean', '`--force`')],
  hermes_local: [...local, optional('provider', 'string', '`--provider`'), optional('yolo', 'boolean', '`--yolo`')],
}

/** The types of adapters with what they do, in the order in which a form offers them. */
export const adapterChoices: readonly { readonly value: AdapterType; readonly label: string }[] = [
  { value: 'claude_local', label: 'claude_local: Claude Code on this machine' },
  { value: 'codex_local', label: 'codex_local: Codex on this machine' },
  { value: 'gemini_local', label: 'gemini_local: Gemini CLI on this machine' },
  { value: 'opencode_local', label: 'opencode_local: OpenCode on this machine' },
  { value: 'pi_local', label: 'pi_local: Pi on this machine' },
  { value: 'cursor', label: 'cursor: Cursor Agent on this machine' },
  { value: 'hermes_local', label: 'hermes_local: Hermes on this machine' },
  { value: 'process', label: 'process: any program on this machine' },
  { value: 'http', label: 'http: an agent elsewhere, by a request' },
  { value: 'openclaw_gateway', label: 'openclaw_gateway: an OpenClaw gateway' },
]

/** The fields of a type; none where the console does not know it. */
export const fieldsOf = (type: string): readonly AdapterField[] =>
  Object.hasOwn(adapterFields, type) ? adapterFields[type as AdapterType] : []

const labels: Readonly<Record<string, string>> = {
  command: 'Program',
  args: 'Arguments',
  cwd: 'Working folder',
  env: 'Environment',
  timeoutSec: 'Time limit in seconds',
  timeoutMs: 'Time limit in milliseconds',
  graceSec: 'Grace in seconds',
  desiredSkills: 'Skills',
  url: 'Address',
  method: 'Method',
  headers: 'Headers',
  payloadTemplate: 'Further fields of the body',
  async: 'The agent ends its runs itself',
  sendToken: 'Send the token of the run',
  authToken: 'Token of the gateway',
  agentId: 'Name of the agent at the gateway',
  sessionKeyStrategy: 'Sessions',
  sessionKey: 'Name of the session',
  extraArgs: 'Further arguments',
  promptTemplate: 'Prompt',
  bootstrapPromptTemplate: 'Text before the first prompt',
  instructionsFilePath: 'File of instructions',
  maxTurnsPerRun: 'Turns of a run, at most',
  modelReasoningEffort: 'Effort of reasoning',
  dangerouslySkipPermissions: 'Ask for no permission (dangerous)',
  dangerouslyBypassApprovalsAndSandbox: 'No approvals and no sandbox (dangerous)',
  yolo: 'Approve every tool (dangerous)',
}

/** The label of a field in a form. */
export const labelOf = ({ name }: AdapterField): string => labels[name] ?? `${name.charAt(0).toUpperCase()}${name.slice(1)}`

/** The meaning without the signs of the document. */
export const hintOf = ({ meaning, byDefault, name }: AdapterField): string => {
  const text = meaning.replaceAll('`', '')
  const ending = byDefault === '' || byDefault === REQUIRED ? '' : `. Without it ${byDefault.replaceAll(/[`"]/g, '')}`
  return `${text}${ending} (${name})`
}

export const isRequired = ({ byDefault }: AdapterField): boolean => byDefault === REQUIRED

/** How a field is edited. */
export type FieldKind = 'text' | 'area' | 'lines' | 'number' | 'switch' | 'choice' | 'names' | 'value' | 'json'

/** The kind of editor for a field. */
export function kindOf({ type, name }: AdapterField): FieldKind {
  if (type === 'string') return name.endsWith('Template') ? 'area' : 'text'
  if (type === 'string[]') return 'lines'
  if (type === 'boolean') return 'switch'
  if (type === 'names to values') return 'names'
  if (type === 'value') return 'value'
  if (type.startsWith('`')) return 'choice'
  return /^(?:number|integer)/.test(type) ? 'number' : 'json'
}

/** The values of a choice; for a method only the usual form. */
export const choicesOf = ({ type }: AdapterField): readonly string[] => {
  const all = [...type.matchAll(/`([^`]+)`/g)].map(([, value]) => value ?? '')
  return all.filter((value) => !all.includes(value.toUpperCase()) || value === value.toUpperCase())
}

/** The limits of a number. */
export function limitsOf({ type }: AdapterField): { readonly min: number; readonly max: number } {
  const [, min, max] = /(\d+) to (\d+)/.exec(type) ?? []
  return { min: Number(min ?? 0), max: Number(max ?? Number.MAX_SAFE_INTEGER) }
}
