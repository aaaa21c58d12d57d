import { eq, sql } from 'drizzle-orm'
import { lockCompany } from '../companies/index.ts'
import type { Ctx } from '../db/context.ts'
import { companyOf } from '../db/context.ts'
import { agents } from '../db/schema/agents.ts'
import { changed, mutate, unchanged } from '../db/mutate.ts'
import type { Tx } from '../db/mutate.ts'
import type { Actor } from '../kernel/actor.ts'
import { refuse } from '../kernel/errors.ts'
import { judgeActingRun } from '../runs/index.ts'
import { normalizeAdapterConfig } from './create.ts'
import { agentUpdated } from './events.ts'
import { demandManager } from './hierarchy.ts'
import { lockAgent } from './lock.ts'
import type { AgentRow } from './lock.ts'
import { namesTaken, urlKeyOf } from './names.ts'
import { agentStatus } from './status.ts'
import type { PatchAgent } from './views.ts'

/** What an agent may change of itself: how it presents, nothing that decides what it is, does or costs (I18). */
const ownFields: ReadonlySet<string> = new Set(['title', 'capabilities', 'icon', 'metadata'])
/** What a permitted agent may change of others. */
const managedFields: ReadonlySet<string> = new Set([...ownFields, 'name', 'role', 'reportsTo'])
/** What makes this host run or open something: only the board decides it, until an approval can. */
const hostFields: ReadonlySet<string> = new Set(['adapterType', 'adapterConfig', 'runtimeConfig', 'replaceAdapterConfig'])

function demandPermitted(actor: Actor, agentId: string, keys: readonly string[]): void {
  if (actor.kind !== 'agent') return
  const host = keys.filter((key) => hostFields.has(key))
  if (host.length > 0) refuse('approval_required', { details: { fields: host } })
  const mayManage = actor.agentId !== agentId && (actor.role === 'ceo' || actor.canCreateAgents)
  const allowed = mayManage ? managedFields : ownFields
  const refused = keys.filter((key) => !allowed.has(key))
  if (refused.length > 0) refuse('field_not_permitted', { details: { fields: refused } })
}

/** The adapter configuration after a patch: merged, unless replaced or meant for another adapter. */
function nextConfig(agent: AgentRow, wanted: PatchAgent): Record<string, unknown> | undefined {
  const otherAdapter = wanted.adapterType !== undefined && wanted.adapterType !== agent.adapterType
  if (wanted.adapterConfig === undefined) return undefined
  const given = normalizeAdapterConfig(wanted.adapterConfig)
  return otherAdapter || wanted.replaceAdapterConfig === true ? given : { ...agent.adapterConfig, ...given }
}

async function demandName(tx: Tx, companyId: string, agent: AgentRow, name: string): Promise<void> {
  const inUse = await namesTaken(tx, companyId, agent.id)
  if (inUse.urlKeys.has(urlKeyOf(name, agent.id)))
    refuse('name_taken', { message: `Agent shortname '${urlKeyOf(name, agent.id)}' is already in use in this company` })
}

/**
 * Changes an agent. The board may change everything, an agent only how it presents itself, a CEO or creator also name,
 * role and manager of others; what this host would run is the board's alone.
 *
 * @throws Refusal `field_not_permitted`, `approval_required`, `name_taken`, `reporting_cycle`, `agent_terminated`
 */
export async function configureAgent(ctx: Ctx, agentId: string, wanted: PatchAgent): Promise<AgentRow> {
  const keys = Object.keys(wanted).filter((key) => wanted[key as keyof PatchAgent] !== undefined)
  demandPermitted(ctx.actor, agentId, keys)
  const companyId = companyOf(ctx)
  return await mutate(ctx, async (tx) => {
    if (wanted.name !== undefined || wanted.reportsTo) await lockCompany(tx, companyId)
    const agent = await lockAgent(tx, companyId, agentId)
    await judgeActingRun(tx, ctx)
    if (wanted.status !== undefined && wanted.status !== agent.status) {
      if (agent.status === 'terminated') refuse('agent_terminated', { message: 'Terminated agents cannot be changed to another status' })
      if (agent.status === 'pending_approval') refuse('agent_pending', { message: 'Pending approval agents cannot be activated directly' })
      // Pausing and resuming end and start work, which a plain change of a field does not.
      if (wanted.status === 'paused' || agent.status === 'paused') {
        refuse('unprocessable', { message: 'Use POST /api/agents/:id/pause and /resume' })
      }
      agentStatus.step(agent.status, wanted.status)
    }
    if (wanted.name !== undefined && wanted.name !== agent.name) await demandName(tx, companyId, agent, wanted.name)
    if (wanted.reportsTo) await demandManager(tx, companyId, agentId, wanted.reportsTo)
    const { replaceAdapterConfig: _, permissions: _permissions, adapterConfig: _config, ...plain } = wanted
    const adapterConfig = nextConfig(agent, wanted)
    const next: Record<string, unknown> = { ...plain, ...(adapterConfig === undefined ? {} : { adapterConfig }) }
    const changedKeys = Object.keys(next).filter(
      (key) => next[key] !== undefined && JSON.stringify(next[key]) !== JSON.stringify(agent[key as keyof AgentRow]),
    )
    if (changedKeys.length === 0) return unchanged(agent)
    const set = Object.fromEntries(changedKeys.map((key) => [key, next[key]]))
    const urlKey = wanted.name === undefined ? {} : { urlKey: urlKeyOf(wanted.name, agentId) }
    await tx
      .update(agents)
      .set({ ...set, ...urlKey, updatedAt: sql`now()` })
      .where(eq(agents.id, agentId))
    const said = { ...set, changedKeys }
    return changed(await lockAgent(tx, companyId, agentId), agentUpdated(agentId, said, { agentId }))
  })
}
