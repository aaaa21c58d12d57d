import { isDeepStrictEqual } from 'node:util'
import { eq, sql } from 'drizzle-orm'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { agents } from '../../model/agents.ts'
import type { Actor } from '../../platform/kernel/actor.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import { normalizeAdapterConfig } from './create.ts'
import { agentUpdated, configRolledBack } from './events.ts'
import { requireManager } from './hierarchy.ts'
import { lockAgent } from './lock.ts'
import type { AgentRow } from './lock.ts'
import { namesInUse, urlKeyOf } from './names.ts'
import { insertRevision } from './revisions.ts'
import type { Origin } from './revisions.ts'
import { agentStatus } from '../../model/agentStatus.ts'
import type { PatchAgent } from './views.ts'

/** What an agent may change of itself: how it presents, nothing that decides what it is, does or costs (I18). */
const ownFields: ReadonlySet<string> = new Set(['title', 'capabilities', 'icon', 'metadata'])
/** What a permitted agent may change of others. */
const managedFields: ReadonlySet<string> = new Set([...ownFields, 'name', 'role', 'reportsTo'])
/** What makes this host run or open something: an agent may only propose it to the board (I18). */
const hostFields: ReadonlySet<string> = new Set(['adapterType', 'adapterConfig', 'runtimeConfig', 'replaceAdapterConfig'])

/** The fields that a patch names. */
export const fieldsOf = (input: PatchAgent): string[] => Object.keys(input).filter((key) => input[key as keyof PatchAgent] !== undefined)

/**
 * Judges which fields the caller may change of an agent.
 * @returns those of them that take effect only through an approval: none for the board
 * @throws Refusal `field_not_permitted`
 */
export function requirePermittedFields(actor: Actor, agentId: string, input: PatchAgent): string[] {
  if (actor.kind !== 'agent') return []
  const isManager = actor.agentId !== agentId && (actor.role === 'ceo' || actor.canCreateAgents)
  const allowed = isManager ? managedFields : ownFields
  const fields = fieldsOf(input)
  const refused = fields.filter((key) => !allowed.has(key) && !hostFields.has(key))
  if (refused.length > 0) refuse('field_not_permitted', { details: { fields: refused } })
  return fields.filter((key) => hostFields.has(key))
}

/** True when changing these fields needs the company's row lock: names are unique in it, reporting lines free of cycles. */
export const needsCompanyLock = (input: PatchAgent): boolean => input.name !== undefined || Boolean(input.reportsTo)

/** The adapter configuration after a patch: merged, unless replaced or meant for another adapter. */
function mergeAdapterConfig(agent: AgentRow, input: PatchAgent): Record<string, unknown> | undefined {
  const isOtherAdapter = input.adapterType !== undefined && input.adapterType !== agent.adapterType
  if (input.adapterConfig === undefined) return undefined
  const providedConfig = normalizeAdapterConfig(input.adapterConfig)
  return isOtherAdapter || input.replaceAdapterConfig === true ? providedConfig : { ...agent.adapterConfig, ...providedConfig }
}

async function requireFreeName(tx: Tx, agent: AgentRow, name: string): Promise<void> {
  const usedNames = await namesInUse(tx, agent.companyId, agent.id)
  if (usedNames.urlKeys.has(urlKeyOf(name, agent.id)))
    refuse('name_taken', { message: `Agent shortname '${urlKeyOf(name, agent.id)}' is already in use in this company` })
}

function requireStatusChange(agent: AgentRow, to: PatchAgent['status']): void {
  if (to === undefined || to === agent.status) return
  if (agent.status === 'terminated') refuse('agent_terminated', { message: 'Terminated agents cannot be changed to another status' })
  if (agent.status === 'pending_approval') refuse('agent_pending', { message: 'Pending approval agents cannot be activated directly' })
  // Pausing and resuming end and start work, which a plain change of a field does not.
  if (to === 'paused' || agent.status === 'paused') refuse('unprocessable', { message: 'Use POST /api/agents/:id/pause and /resume' })
  agentStatus.transition(agent.status, to)
}

/** What a patch would set, of what differs from the row. */
function changedColumns(agent: AgentRow, input: PatchAgent): Record<string, unknown> {
  const { replaceAdapterConfig: _, permissions: _permissions, adapterConfig: _config, ...plainFields } = input
  const adapterConfig = mergeAdapterConfig(agent, input)
  const nextValues: Record<string, unknown> = { ...plainFields, ...(adapterConfig === undefined ? {} : { adapterConfig }) }
  return Object.fromEntries(
    Object.entries(nextValues).filter(([key, value]) => value !== undefined && !isDeepStrictEqual(value, agent[key as keyof AgentRow])),
  )
}

/** An agent as a change left it, and what happened: nothing, when it was so already. */
export interface AppliedConfiguration {
  readonly agent: AgentRow
  readonly events: readonly DomainEvent[]
}

/**
 * (tx) Writes a change of an agent and its numbered revision. Who may change what has been judged before; this is the
 * only writer of an agent's configuration. Expects the agent's row lock, and the company's where `needsCompanyLock`.
 *
 * @param origin what the change came from, for the revision
 * @throws Refusal `name_taken`, `reporting_cycle`, `unknown_reference`, `agent_terminated`, `agent_pending`
 */
export async function applyConfiguration(
  tx: Tx,
  ctx: Ctx,
  agent: AgentRow,
  input: PatchAgent,
  origin: Origin,
): Promise<AppliedConfiguration> {
  requireStatusChange(agent, input.status)
  const changes = changedColumns(agent, input)
  const changedKeys = Object.keys(changes)
  if (changedKeys.length === 0) return { agent, events: [] }
  if (input.name !== undefined && 'name' in changes) await requireFreeName(tx, agent, input.name)
  if (input.reportsTo && 'reportsTo' in changes) await requireManager(tx, agent.companyId, agent.id, input.reportsTo)
  const urlKey = input.name === undefined ? {} : { urlKey: urlKeyOf(input.name, agent.id) }
  await tx
    .update(agents)
    // Another configuration may be another timer, which then starts anew.
    .set({ ...changes, ...urlKey, ...('runtimeConfig' in changes ? { nextTimerAt: null } : {}), updatedAt: sql`now()` })
    .where(eq(agents.id, agent.id))
  const updatedAgent = await lockAgent(tx, agent.companyId, agent.id)
  const revisionId = await insertRevision(tx, ctx, agent, updatedAgent, origin)
  const eventContext = { agentId: agent.id }
  const details = { ...changes, changedKeys, revisionId }
  return origin.source === 'rollback'
    ? {
        agent: updatedAgent,
        events: [
          configRolledBack(agent.id, { changedKeys, revisionId, rolledBackFromRevisionId: origin.rolledBackFromRevisionId }, eventContext),
        ],
      }
    : { agent: updatedAgent, events: [agentUpdated(agent.id, details, eventContext)] }
}
