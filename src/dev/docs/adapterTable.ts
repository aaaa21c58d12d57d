import { z } from 'zod'
import { adapterConfigs, documentedPrograms, errorCodes, httpBodyOf, inheritedVariables, runVariables } from '../../adapters/index.ts'
import type { DocumentedProgram, Job } from '../../adapters/index.ts'
import type { AdapterType } from '../../model/adapterTypes.ts'

interface Schema {
  readonly type?: string | readonly string[]
  readonly description?: string
  readonly enum?: readonly unknown[]
  readonly anyOf?: readonly Schema[]
  readonly items?: Schema
  readonly additionalProperties?: Schema | boolean
  readonly minimum?: number
  readonly maximum?: number
}

/** The JSON schema of a value that is a text, a tagged text, or a reference to a secret (`binding` in src/adapters/config.ts). */
const isBinding = ({ anyOf }: Schema): boolean => anyOf?.length === 3

/** A type as one would say it: `string[]`, `number, 0 to 300`. */
function typeOf(schema: Schema): string {
  if (isBinding(schema)) return 'value'
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${String(value)}\``).join(', ')
  if (schema.type === 'array') return `${typeOf(schema.items ?? {})}[]`
  if (schema.type === 'object') {
    const values = schema.additionalProperties
    return typeof values === 'object' && isBinding(values) ? 'names to values' : 'object'
  }
  const name = String(schema.type)
  return schema.maximum === undefined ? name : `${name}, ${schema.minimum} to ${schema.maximum}`
}

/** The value of a field that a configuration leaves out. */
function defaultOf(field: z.ZodType): string {
  const left = field.safeParse(undefined)
  if (!left.success) return '**required**'
  return left.data === undefined ? '' : `\`${JSON.stringify(left.data)}\``
}

type Fields = Readonly<Record<string, string>>

/** The rows of a table, by the names of the fields. */
function fieldsOf(config: z.ZodObject): Fields {
  const { properties = {} } = z.toJSONSchema(config, { io: 'input', unrepresentable: 'any' }) as { properties?: Record<string, Schema> }
  return Object.fromEntries(
    Object.entries(properties).map(([name, schema]) => {
      const field = config.shape[name] as z.ZodType
      return [name, `| \`${name}\` | ${typeOf(schema)} | ${defaultOf(field)} | ${schema.description ?? ''} |`]
    }),
  )
}

const tableOf = (fields: Fields): string =>
  `| field | type | default | meaning |\n| --- | --- | --- | --- |\n${Object.values(fields).join('\n')}`

/** The entries that every one of several lists has. */
const commonOf = (lists: readonly (readonly string[])[]): string[] =>
  (lists[0] ?? []).filter((entry) => lists.every((each) => each.includes(entry)))

const list = (names: readonly string[]): string => names.map((name) => `\`${name}\``).join(', ')
const line = (words: readonly string[]): string => `\`${words.join(' ')}\``

const commonSettings = commonOf(documentedPrograms.map(({ settings }) => settings))
const commonFields = commonOf(documentedPrograms.map(({ type }) => Object.values(fieldsOf(adapterConfigs[type]))))

/** A local agent: its program, and the fields that others do not have. */
function localAgent({ type, commandLine, resumed, signIn, settings }: DocumentedProgram): string {
  const own = Object.entries(fieldsOf(adapterConfigs[type])).filter(([, row]) => !commonFields.includes(row))
  return `### ${type}

| | |
| --- | --- |
| command line | ${line(commandLine)} |
| with a session | ${line(resumed)} |
| prompt | ${commandLine.join(' ').includes('PROMPT') ? 'in that argument' : 'on standard input'} |
| sign-in | ${list(signIn)} |
| settings | ${list(settings.filter((file) => !commonSettings.includes(file)))} |

${tableOf(Object.fromEntries(own))}`
}

const section = (type: AdapterType): string => `## ${type}\n\n${tableOf(fieldsOf(adapterConfigs[type]))}`

const rowsOf = (entries: Readonly<Record<string, string>>): string =>
  Object.entries(entries)
    .map(([name, meaning]) => `| \`${name}\` | ${meaning} |`)
    .join('\n')

const id = (digit: number): string => `${String(digit).repeat(8)}-0000-4000-8000-000000000000`

/** A run that a comment has caused. */
const job: Job = {
  runId: id(1),
  agentId: id(2),
  companyId: id(3),
  issueId: id(4),
  wakeReason: 'issue_commented',
  sessionIdBefore: null,
  adapterConfig: {},
  apiUrl: 'http://127.0.0.1:3100',
  token: 'the token of the run, or no such field',
  prompt: 'You are the agent "Ada". …',
  wake: { commentId: id(5), approvalId: null, approvalStatus: null, linkedIssueIds: [], payload: null, words: { items: [] } },
  context: { wakePayload: {}, newWords: {}, heartbeatContext: {} },
}

/** Renders what each adapter takes as its configuration, and what it gives to an agent. */
export function renderAdapters(): string {
  const shared = documentedPrograms[0]?.variables ?? []
  return `# Adapters

Written by \`npm run docs\` from the schemas and lists in \`src/adapters\`. [AGENTS.md](../AGENTS.md) says how they work. A *value* is a text, or \`{"type": "plain", "value": "…"}\`. An
optional field may also be \`null\` or empty. Other fields than these are kept, and have no effect.

${(['process', 'http', 'openclaw_gateway'] as const).map(section).join('\n\n')}

## Local agents

These fields are the same for every local agent:

${tableOf(Object.fromEntries(commonFields.map((row) => [row, row])))}

Where agents are isolated, the files of the sign-in and the settings are copied from the operator's home to the agent's. Every local agent gets ${list(commonSettings)}.

${documentedPrograms.map(localAgent).join('\n\n')}

## The environment of a command

| variable | meaning |
| --- | --- |
${rowsOf(runVariables)}

Every command inherits ${list(inheritedVariables)} and \`LC_*\` from the server; the program of a local agent also ${list(shared)}.

## The request to an http agent

\`\`\`json
${JSON.stringify(httpBodyOf(job), null, 2)}
\`\`\`

## Why a run did not succeed

| \`errorCode\` | meaning |
| --- | --- |
${rowsOf(errorCodes)}
`
}
