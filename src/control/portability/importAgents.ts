import { randomUUID } from 'node:crypto'
import { agentCreated, applyConfiguration, createAgentBody, insertAgents, lockAgents } from '../../org/agents/index.ts'
import type { NewAgent } from '../../org/agents/index.ts'
import { companyOf } from '../../platform/db/context.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { findAgentId, pastTense } from './importState.ts'
import type { ImportState } from './importState.ts'
import type { AgentEntry } from './entries.ts'
import type { PlannedEntry } from './plan.ts'
import type { ImportResult } from './views.ts'

type LockedAgents = Awaited<ReturnType<typeof lockAgents>>

/** A planned agent with its id, which is chosen before it is inserted. */
interface Step extends PlannedEntry<AgentEntry> {
  readonly id: string
}

/** The manager that an entry names. A name without an agent gives a warning and null. */
function managerOf(state: ImportState, { path, reportsTo }: AgentEntry): string | null {
  const managerId = findAgentId(state, reportsTo)
  if (reportsTo && managerId === null) state.warnings.push(`${path}: its manager ${reportsTo} does not exist`)
  return managerId
}

function newAgent(state: ImportState, { entry, name, id }: Step): NewAgent {
  const { slug: _, path, reportsTo: _manager, ...fields } = entry
  // The entry was valid when it was read. The board may have chosen another adapter since.
  if (!createAgentBody.shape.adapterType.safeParse(fields.adapterType).success)
    refuse('package_invalid', { details: { errors: [`${path}: the chosen adapter is unknown to this server`] } })
  return { id, input: { ...fields, name, reportsTo: managerOf(state, entry) } }
}

async function createAgents(state: ImportState, steps: readonly Step[]): Promise<void> {
  const { tx, ctx, events } = state
  const rows = await insertAgents(
    tx,
    ctx,
    steps.map((step) => newAgent(state, step)),
    'idle',
  )
  for (const { id, name, role, adapterType, reportsTo } of rows)
    events.push(agentCreated(id, { name, role, adapterType, reportsTo }, { agentId: id }))
}

async function updateAgent(state: ImportState, before: LockedAgents[number], entry: AgentEntry): Promise<void> {
  const { tx, ctx, events } = state
  const { slug: _, path: _path, reportsTo: _manager, name: _name, permissions: _permissions, ...patch } = entry
  const managerId = managerOf(state, entry)
  // `applyConfiguration` refuses a manager that reports to the agent itself.
  const values = { ...patch, ...(managerId === null || managerId === before.id ? {} : { reportsTo: managerId }) }
  events.push(...(await applyConfiguration(tx, ctx, before, { patch: values, origin: { source: 'patch' } })).events)
}

/**
 * (tx) Imports the agents of a package. New ones are inserted together; existing ones change one after the other.
 * @throws Refusal `package_invalid`, `not_found`; as `insertAgents` and `applyConfiguration`
 */
export async function importAgents(state: ImportState): Promise<ImportResult['agents']> {
  const { tx, ctx, plan, existing, agentIds } = state
  const steps = plan.agents.map((step): Step => ({ ...step, id: step.existingId ?? randomUUID() }))
  const updates = steps.filter((step) => step.action === 'update')
  const locked = await lockAgents(
    tx,
    companyOf(ctx),
    updates.map((step) => step.id),
  )
  const before = new Map(locked.map((agent) => [agent.id, agent]))
  const pendingIds = new Set(existing.agents.flatMap(({ id, isOpen }) => (isOpen ? [] : [id])))
  for (const { entry, id } of steps) if (!pendingIds.has(id)) agentIds.set(entry.slug, id)
  await createAgents(
    state,
    steps.filter((step) => step.action === 'create'),
  )
  for (const { id, entry } of updates) {
    const agent = before.get(id)
    if (agent === undefined) refuse('not_found', { message: 'Agent not found' })
    await updateAgent(state, agent, entry)
  }
  return steps.map(({ entry, id, action, name, reason }) => ({ slug: entry.slug, id, action: pastTense[action], name, reason }))
}
