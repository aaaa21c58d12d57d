import type { Actor } from '../platform/kernel/actor.ts'
import { decidesForHost } from './roles.ts'

// One rule for all presenters: who sees the settings by which an agent is run (its command, arguments, environment, headers,
// addresses and instructions). Answers, lists, run events, approvals, exports and streams ask it.

/** `whole`: with every value. `redacted`: without what looks like a secret. `hidden`: not at all. */
export type Sight = 'whole' | 'redacted' | 'hidden'

/** How much of the settings of an agent an actor sees. The agent itself and the board see everything; a person without the role that decides what this host runs, and other agents only when
 * they create agents, see it without secrets. */
export function sightOfSettings(actor: Actor, agentId: string | null): Sight {
  if (decidesForHost(actor)) return 'whole'
  if (actor.kind === 'board') return 'redacted'
  if (actor.kind !== 'agent') return 'hidden'
  if (actor.agentId === agentId) return 'whole'
  return actor.canCreateAgents ? 'redacted' : 'hidden'
}

/** Names of settings in any JSON that quotes them: configurations, proposals, events of runs. */
const settingNames: ReadonlySet<string> = new Set([
  'adapterConfig',
  'runtimeConfig',
  'requestedConfigurationSnapshot',
  'command',
  'commandArgs',
  'commandNotes',
  'args',
  'extraArgs',
  'cwd',
  'env',
  'headers',
  'prompt',
  'promptTemplate',
  'bootstrapPromptTemplate',
  'instructions',
  'instructionsFilePath',
  'textChange',
  'context',
])

/**
 * Removes the folders of paths from the reason of a failed start. A peer may know which program is missing, so that it can ask for it, and not
 * where things lie on the host. Reasons have no arguments.
 */
export const hideFolders = (reason: string): string => reason.replaceAll(/[\\/][^\s'"();,]*[\\/]/g, '…/')

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Copies a JSON value without settings, at any depth. A setting that is an object becomes an empty one, so that shapes stay. */
export function hideSettings<T>(value: T): T
export function hideSettings(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => hideSettings(item as unknown))
  if (!isRecord(value)) return value
  const entries = Object.entries(value).flatMap(([name, item]): [string, unknown][] => {
    if (!settingNames.has(name)) return [[name, hideSettings(item)]]
    return isRecord(item) ? [[name, {}]] : []
  })
  return Object.fromEntries(entries)
}

/**
 * Whether an actor sees the details of an audit row. Those of secrets have names, which say what there is to be had, and the fields of other agents: agents
 * see that a secret was created or read, when and by whom.
 */
export const seesDetailsOf = (actor: Actor, entityType: string): boolean => actor.kind !== 'agent' || entityType !== 'secret'
