import { sightOfSettings } from '../../auth/visibility.ts'
import type { Actor } from '../../platform/kernel/actor.ts'
import { redact } from '../../platform/kernel/redact.ts'
import type { AgentRow } from './lock.ts'
import { configurationFields } from './views.ts'

/** A row with its settings, of which secrets are redacted. Every view of a configuration is made by it (`cases.md` K19). */
export function redactSettings<T extends object>(row: T): T {
  const present = configurationFields.filter((field) => field in row)
  return { ...row, ...Object.fromEntries(present.map((field) => [field, redact((row as Record<string, unknown>)[field])])) }
}

/**
 * An agent as an actor may see it: whole, with redacted secrets for an agent that creates agents, or without its settings. The notes
 * in `metadata` are no settings: everybody sees them, without secrets.
 */
export function redactAgentFor<T extends AgentRow>(actor: Actor, agent: T): T {
  const sight = sightOfSettings(actor, agent.id)
  if (sight === 'whole') return agent
  const redacted = redactSettings(agent)
  return sight === 'hidden' ? { ...redacted, adapterConfig: {}, runtimeConfig: {} } : redacted
}
