import { agentCreated, applyConfiguration, createAgentBody, insertAgent, lockAgents } from '../../org/agents/index.ts'
import { companyOf } from '../../platform/db/context.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { findAgentId, pastTense } from './importState.ts'
import type { ImportState } from './importState.ts'
import type { AgentEntry } from './package.ts'
import type { PlannedEntry } from './plan.ts'
import type { ImportResult } from './views.ts'

type LockedAgents = Awaited<ReturnType<typeof lockAgents>>

async function createAgent({ tx, ctx, events }: ImportState, { entry, name }: PlannedEntry<AgentEntry>, reportsTo: string | null) {
  const { slug: _, path, reportsTo: _manager, ...fields } = entry
  const { success, data: values } = createAgentBody.safeParse({ ...fields, name, reportsTo })
  if (!success) refuse('package_invalid', { details: { errors: [`${path}: the chosen adapter is unknown to this server`] } })
  const agent = await insertAgent(tx, ctx, values, 'idle')
  const { id, role, adapterType } = agent
  events.push(agentCreated(id, { name: agent.name, role, adapterType, reportsTo: agent.reportsTo }, { agentId: id }))
  return id
}

async function updateAgent(state: ImportState, before: LockedAgents[number], entry: AgentEntry, reportsTo: string | null): Promise<void> {
  const { tx, ctx, events } = state
  const { slug: _, path: _path, reportsTo: _manager, name: _name, permissions: _permissions, ...patch } = entry
  // `applyConfiguration` refuses a manager that reports to the agent itself.
  const values = { ...patch, ...(reportsTo === null || reportsTo === before.id ? {} : { reportsTo }) }
  events.push(...(await applyConfiguration(tx, ctx, before, { patch: values, origin: { source: 'patch' } })).events)
}

/**
 * (tx) Imports the agents of a package, managers first.
 * @throws Refusal `package_invalid`, `not_found`; as `insertAgent` and `applyConfiguration`
 */
export async function importAgents(state: ImportState): Promise<ImportResult['agents']> {
  const { tx, ctx, plan, agentIds, warnings } = state
  const updatedIds = plan.agents.filter((step) => step.action === 'update').map((step) => step.existingId ?? '')
  const locked = await lockAgents(tx, companyOf(ctx), updatedIds)
  const results: ImportResult['agents'] = []
  for (const step of plan.agents) {
    const { entry, action, name, existingId, reason } = step
    const reportsTo = findAgentId(state, entry.reportsTo)
    if (entry.reportsTo && reportsTo === null) warnings.push(`${entry.path}: its manager ${entry.reportsTo} does not exist`)
    const id = action === 'create' ? await createAgent(state, step, reportsTo) : existingId
    if (action === 'update') {
      const before = locked.find((agent) => agent.id === existingId)
      if (before === undefined) refuse('not_found', { message: 'Agent not found' })
      await updateAgent(state, before, entry, reportsTo)
    }
    if (id === null) continue
    agentIds.set(entry.slug, id)
    results.push({ slug: entry.slug, id, action: pastTense[action], name, reason })
  }
  return results
}
