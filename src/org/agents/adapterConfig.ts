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

/** The adapter configuration after a patch. It is merged, unless the patch replaces it or changes the adapter. */
export function mergeAdapterConfig(agent: AgentRow, input: PatchAgent): Record<string, unknown> | undefined {
  const isOtherAdapter = input.adapterType !== undefined && input.adapterType !== agent.adapterType
  if (input.adapterConfig === undefined) return undefined
  const providedConfig = normalizeAdapterConfig(input.adapterConfig)
  return isOtherAdapter || input.replaceAdapterConfig === true ? providedConfig : { ...agent.adapterConfig, ...providedConfig }
}
