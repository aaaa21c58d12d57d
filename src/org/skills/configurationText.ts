// The facts that an agent needs to configure another one, as text: made from the catalogue of the adapters, so that it says what this version takes.
import { z } from 'zod'
import { adapterConfigs, runVariables } from '../../adapters/index.ts'
import { adapterTypes } from '../../model/adapterTypes.ts'
import type { AdapterType } from '../../model/adapterTypes.ts'
import { agentIcons } from './icons.ts'

interface Schema {
  readonly type?: string
  readonly description?: string
  readonly enum?: readonly unknown[]
  readonly items?: Schema
}

const typeOf = ({ type, items, enum: words }: Schema): string => {
  if (words !== undefined) return words.map(String).join('|')
  if (type === 'array') return `${typeOf(items ?? {})}[]`
  return type ?? 'value'
}

const isRequired = (field: z.ZodType): boolean => !field.safeParse(undefined).success

/** The fields of an adapter, one in a line. */
function fieldLines(type: AdapterType): string[] {
  const schema: z.ZodObject = adapterConfigs[type]
  const { properties = {} } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as { properties?: Record<string, Schema> }
  return Object.entries(properties).map(([name, field]) => {
    const required = isRequired(schema.shape[name] as z.ZodType) ? ', required' : ''
    return `- ${name} (${typeOf(field)}${required}): ${field.description ?? ''}`
  })
}

const sentences: Readonly<Record<AdapterType, string>> = {
  process: 'Any program of the host. It learns of its run from its environment.',
  http: 'A request to an agent that lives elsewhere.',
  claude_local: 'Claude Code on the host.',
  codex_local: 'Codex on the host.',
  gemini_local: 'Gemini CLI on the host.',
  opencode_local: 'OpenCode on the host.',
  pi_local: 'Pi on the host.',
  cursor: 'Cursor Agent on the host.',
  openclaw_gateway: 'An agent behind an OpenClaw gateway.',
  hermes_local: 'Hermes on the host.',
}

const isAdapterType = (type: string): type is AdapterType => adapterTypes.some((known) => known === type)

/** The text about one adapter; null for an unknown one. */
export function adapterText(type: string): string | null {
  if (!isAdapterType(type)) return null
  return [
    `# ${type}`,
    '',
    sentences[type],
    '',
    'Fields of adapterConfig; others are kept and have no effect:',
    '',
    ...fieldLines(type),
    '',
    'A value of env or headers is a text, or {"type":"secret_ref","secretId":"…"}. An agent proposes adapterConfig; the board decides.',
    '',
  ].join('\n')
}

/** The text about configurations of agents in general. */
export const configurationText = (): string =>
  [
    '# Configuration of an agent',
    '',
    'Adapters, each with its fields at /llms/agent-configuration/<adapterType>.txt:',
    '',
    ...adapterTypes.map((type) => `- ${type}: ${sentences[type]}`),
    '',
    'Where it is sent: POST /api/companies/:companyId/agent-hires by an agent, POST /api/companies/:companyId/agents by the board, PATCH /api/agents/:id for a change.',
    'Try it before: POST /api/companies/:companyId/adapters/:type/test-environment {"adapterConfig":{…}}.',
    'What agents have now: GET /api/companies/:companyId/agent-configurations, GET /api/agents/:id/configuration. Secrets are redacted there; a redacted value that is sent back stays as it is.',
    '',
    'runtimeConfig.heartbeat: enabled (true), wakeOnDemand (true), intervalSec (none; 10 or more is a timer), maxConcurrentRuns (1 to 10).',
    'desiredSkills: names of skills of the company (GET /api/companies/:companyId/skills) and of the built-in ones (GET /api/skills/available).',
    'Instructions: files of the agent, PUT /api/agents/:id/instructions-bundle/file.',
    'Icons: /llms/agent-icons.txt.',
    '',
    'Variables of a run of a program:',
    '',
    ...Object.entries(runVariables).map(([name, meaning]) => `- ${name}: ${meaning}`),
    '',
  ].join('\n')

/** The text about icons. */
export const iconsText = (): string =>
  [
    '# Icons of agents',
    '',
    'icon is a text of at most 100 characters. This server keeps it and draws nothing; clients with pictures know these names.',
    '',
    ...agentIcons.map((name) => `- ${name}`),
    '',
  ].join('\n')
