// A configuration is compared with its adapter when it is stored (`cases.md` K33): a run would show the same hours later.
import { fieldProblems } from '../../adapters/index.ts'
import type { Ctx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { restoreRedacted } from '../../platform/kernel/redact.ts'
import { mergeAdapterConfig } from './adapterConfig.ts'
import { agentById } from './lock.ts'
import type { AgentRow } from './lock.ts'
import type { ConfigurationWarning, PatchAgent } from './views.ts'

/** The checks of a configuration that `test-environment` knows as well. */
export interface ConfigurationChecks {
  listWarnings(
    type: string,
    config: Readonly<Record<string, unknown>>,
    includesHostChecks: boolean,
  ): Promise<readonly ConfigurationWarning[]>
}

interface Configured {
  readonly adapterType?: string | undefined
  readonly adapterConfig?: Readonly<Record<string, unknown>> | undefined
}

/**
 * Refuses a new configuration with a value that no run can use. A missing value is no refusal: the agent may run elsewhere.
 * @throws Refusal `payload_invalid`
 */
export function requireUsableConfig({ adapterType = 'process', adapterConfig = {} }: Configured, names?: readonly string[]): void {
  const { invalid } = fieldProblems(adapterType, adapterConfig, names)
  if (invalid.length === 0) return
  const message = `The adapterConfig is not valid for the adapter ${adapterType}: ${invalid.join('; ')}`
  refuse('payload_invalid', { message, details: { fields: ['adapterConfig'], problems: invalid } })
}

/**
 * As `requireUsableConfig`, for a change: only the fields that it names can be refused, because others are stored already.
 * @throws Refusal `payload_invalid`
 */
export function requireUsableChange(agent: AgentRow, changes: PatchAgent): void {
  const adapterConfig = mergeAdapterConfig(agent, changes)
  const adapterType = changes.adapterType ?? agent.adapterType
  if (adapterConfig !== undefined) requireUsableConfig({ adapterType, adapterConfig }, Object.keys(changes.adapterConfig ?? {}))
}

/** The warnings for the answer to a request that stores a configuration. For an agent, nothing is looked up on this host (I18). */
export const warningsOfConfig = (ctx: Ctx, checks: ConfigurationChecks, { adapterType = 'process', adapterConfig = {} }: Configured) =>
  checks.listWarnings(adapterType, adapterConfig, ctx.actor.kind === 'board')

/**
 * As `warningsOfConfig`, for a change of an agent: about the configuration that it leads to. None when it does not touch the
 * configuration, and none where the change will be refused. It is read without a lock, because a warning decides nothing.
 */
export async function warningsOfChange(ctx: Ctx, checks: ConfigurationChecks, agentId: string, changes: PatchAgent) {
  if (changes.adapterConfig === undefined && changes.adapterType === undefined) return []
  const agent = await agentById(ctx.store.read, companyOf(ctx), agentId)
  const sent = agent === null ? null : restoreRedacted(changes.adapterConfig, agent.adapterConfig)
  if (agent === null || sent === null) return []
  const config = mergeAdapterConfig(agent, { ...changes, adapterConfig: sent.value }) ?? agent.adapterConfig
  return await checks.listWarnings(changes.adapterType ?? agent.adapterType, config, ctx.actor.kind === 'board')
}

/** The field of an answer that has the warnings; it is left out when there are none. */
export const withWarnings = <T extends object>(
  answer: T,
  warnings: readonly ConfigurationWarning[],
): T & { warnings?: readonly ConfigurationWarning[] } => (warnings.length === 0 ? answer : { ...answer, warnings })
