import type { AgentRow } from './lock.ts'
import type { PatchAgent } from './views.ts'

/** Puts environment values that are bare text into the tagged form of Paperclip's API, in which they are stored. */
export function normalizeAdapterConfig(config: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { env } = config
  if (env === null || typeof env !== 'object' || Array.isArray(env)) return { ...config }
  const entries = Object.entries(env).map(([key, value]) => [
    key,
    typeof value === 'string' ? { type: 'plain', value } : (value as unknown),
  ])
  return { ...config, env: Object.fromEntries(entries) }
}

interface Skilled {
  readonly adapterConfig?: Readonly<Record<string, unknown>> | undefined
  readonly desiredSkills?: readonly string[] | undefined
}

/** The configuration of an input with the skills that stand beside it in Paperclip's API; undefined when the input has neither. */
export const withDesiredSkills = ({ adapterConfig, desiredSkills }: Skilled): Readonly<Record<string, unknown>> | undefined =>
  desiredSkills === undefined ? adapterConfig : { ...adapterConfig, desiredSkills }

/** The adapter configuration after a patch. It is merged, unless the patch replaces it or changes the adapter. */
export function mergeAdapterConfig(agent: AgentRow, input: PatchAgent): Record<string, unknown> | undefined {
  const isOtherAdapter = input.adapterType !== undefined && input.adapterType !== agent.adapterType
  const given = withDesiredSkills(input)
  if (given === undefined) return undefined
  const providedConfig = normalizeAdapterConfig(given)
  const isReplaced = input.adapterConfig !== undefined && (isOtherAdapter || input.replaceAdapterConfig === true)
  return isReplaced ? providedConfig : { ...agent.adapterConfig, ...providedConfig }
}
