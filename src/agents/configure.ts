import { isDeepStrictEqual } from 'node:util'
import { eq, sql } from 'drizzle-orm'
import type { Ctx } from '../db/context.ts'
import { agents } from '../db/schema/agents.ts'
import type { Tx } from '../db/mutate.ts'
import type { Actor } from '../kernel/actor.ts'
import { refuse } from '../kernel/errors.ts'
import type { DomainEvent } from '../kernel/event.ts'
import { normalizeAdapterConfig } from './create.ts'
import { agentUpdated, configRolledBack } from './events.ts'
import { demandManager } from './hierarchy.ts'
import { lockAgent } from './lock.ts'
import type { AgentRow } from './lock.ts'
import { namesTaken, urlKeyOf } from './names.ts'
import { insertRevision } from './revisions.ts'
import type { Origin } from './revisions.ts'
import { agentStatus } from './status.ts'
import type { PatchAgent } from './views.ts'

/** What an agent may change of itself: how it presents, nothing that decides what it is, does or costs (I18). */
const ownFields: ReadonlySet<string> = new Set(['title', 'capabilities', 'icon', 'metadata'])
/** What a permitted agent may change of others. */
const managedFields: ReadonlySet<string> = new Set([...ownFields, 'name', 'role', 'reportsTo'])
/** What makes this host run or open something: an agent may only propose it to the board (I18). */
const hostFields: ReadonlySet<string> = new Set(['adapterType', 'adapterConfig', 'runtimeConfig', 'replaceAdapterConfig'])

/** The fields that a patch names. */
export const fieldsOf = (wanted: PatchAgent): string[] => Object.keys(wanted).filter((key) => wanted[key as keyof PatchAgent] !== undefined)

/**
 * Judges which fields the caller may change of an agent.
 * @returns those of them that take effect only through an approval: none for the board
 * @throws Refusal `field_not_permitted`
 */
export function demandFields(actor: Actor, agentId: string, wanted: PatchAgent): string[] {
  if (actor.kind !== 'agent') return []
  const mayManage = actor.agentId !== agentId && (actor.role === 'ceo' || actor.canCreateAgents)
  const allowed = mayManage ? managedFields : ownFields
  const fields = fieldsOf(wanted)
  const refused = fields.filter((key) => !allowed.has(key) && !hostFields.has(key))
  if (refused.length > 0) refuse('field_not_permitted', { details: { fields: refused } })
  return fields.filter((key) => hostFields.has(key))
}

/** True when changing these fields needs the company's row lock: names are unique in it, reporting lines free of cycles. */
export const needsCompanyLock = (wanted: PatchAgent): boolean => wanted.name !== undefined || Boolean(wanted.reportsTo)

/** The adapter configuration after a patch: merged, unless replaced or meant for another adapter. */
function nextConfig(agent: AgentRow, wanted: PatchAgent): Record<string, unknown> | undefined {
  const otherAdapter = wanted.adapterType !== undefined && wanted.adapterType !== agent.adapterType
  if (wanted.adapterConfig === undefined) return undefined
  const given = normalizeAdapterConfig(wanted.adapterConfig)
  return otherAdapter || wanted.replaceAdapterConfig === true ? given : { ...agent.adapterConfig, ...given }
}

async function demandName(tx: Tx, agent: AgentRow, name: string): Promise<void> {
  const inUse = await namesTaken(tx, agent.companyId, agent.id)
  if (inUse.urlKeys.has(urlKeyOf(name, agent.id)))
    refuse('name_taken', { message: `Agent shortname '${urlKeyOf(name, agent.id)}' is already in use in this company` })
}

function demandStatus(agent: AgentRow, to: PatchAgent['status']): void {
  if (to === undefined || to === agent.status) return
  if (agent.status === 'terminated') refuse('agent_terminated', { message: 'Terminated agents cannot be changed to another status' })
  if (agent.status === 'pending_approval') refuse('agent_pending', { message: 'Pending approval agents cannot be activated directly' })
  // Pausing and resuming end and start work, which a plain change of a field does not.
  if (to === 'paused' || agent.status === 'paused') refuse('unprocessable', { message: 'Use POST /api/agents/:id/pause and /resume' })
  agentStatus.step(agent.status, to)
}

/** What a patch would set, of what differs from the row. */
function differences(agent: AgentRow, wanted: PatchAgent): Record<string, unknown> {
  const { replaceAdapterConfig: _, permissions: _permissions, adapterConfig: _config, ...plain } = wanted
  const adapterConfig = nextConfig(agent, wanted)
  const next: Record<string, unknown> = { ...plain, ...(adapterConfig === undefined ? {} : { adapterConfig }) }
  return Object.fromEntries(
    Object.entries(next).filter(([key, value]) => value !== undefined && !isDeepStrictEqual(value, agent[key as keyof AgentRow])),
  )
}

/** An agent as a change left it, and what happened: nothing, when it was so already. */
export interface Configured {
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
export async function applyConfiguration(tx: Tx, ctx: Ctx, agent: AgentRow, wanted: PatchAgent, origin: Origin): Promise<Configured> {
  demandStatus(agent, wanted.status)
  const set = differences(agent, wanted)
  const changedKeys = Object.keys(set)
  if (changedKeys.length === 0) return { agent, events: [] }
  if (wanted.name !== undefined && 'name' in set) await demandName(tx, agent, wanted.name)
  if (wanted.reportsTo && 'reportsTo' in set) await demandManager(tx, agent.companyId, agent.id, wanted.reportsTo)
  const urlKey = wanted.name === undefined ? {} : { urlKey: urlKeyOf(wanted.name, agent.id) }
  await tx
    .update(agents)
    // Another configuration may be another timer, which then starts anew.
    .set({ ...set, ...urlKey, ...('runtimeConfig' in set ? { nextTimerAt: null } : {}), updatedAt: sql`now()` })
    .where(eq(agents.id, agent.id))
  const changed = await lockAgent(tx, agent.companyId, agent.id)
  const revisionId = await insertRevision(tx, ctx, agent, changed, origin)
  const about = { agentId: agent.id }
  const said = { ...set, changedKeys, revisionId }
  return origin.source === 'rollback'
    ? {
        agent: changed,
        events: [configRolledBack(agent.id, { changedKeys, revisionId, rolledBackFromRevisionId: origin.rolledBackFromRevisionId }, about)],
      }
    : { agent: changed, events: [agentUpdated(agent.id, said, about)] }
}
