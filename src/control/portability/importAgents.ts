import { randomUUID } from 'node:crypto'
import { agentCreated, applyConfiguration, createAgentBody, insertAgents, lockAgents } from '../../org/agents/index.ts'
import type { NewAgent, PatchAgent } from '../../org/agents/index.ts'
import { insertBundles, updateBundle, writeInstructionsFile } from '../../org/instructions/index.ts'
import { companyOf } from '../../platform/db/context.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import { allAtOnce, findAgentId, pastTense } from './importState.ts'
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
  const { slug, path, reportsTo: _manager, instructions: _instructions, ...fields } = entry
  // The entry was valid when it was read. The board may have chosen another adapter since.
  if (!createAgentBody.shape.adapterType.safeParse(fields.adapterType).success)
    refuse('package_invalid', { details: { errors: [`${path}: the chosen adapter is unknown to this server`] } })
  return { id, urlKey: slug, input: { ...fields, name, reportsTo: managerOf(state, entry) } }
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
  const bundles = new Map(steps.map(({ id, entry }) => [id, entry.instructions]))
  const given = rows.flatMap((agent) => {
    const bundle = bundles.get(agent.id) ?? null
    return bundle === null ? [] : [{ agent, ...bundle }]
  })
  events.push(...(await insertBundles(tx, ctx, given)))
}

/** A change of an existing agent. */
interface Update {
  readonly before: LockedAgents[number]
  readonly patch: PatchAgent
  readonly instructions: AgentEntry['instructions']
}

function updateOf(state: ImportState, before: LockedAgents[number], entry: AgentEntry): Update {
  const { slug: _, path: _path, reportsTo: _manager, name: _name, permissions: _permissions, instructions, ...patch } = entry
  const managerId = managerOf(state, entry)
  // `applyConfiguration` refuses a manager that reports to the agent itself.
  return { before, instructions, patch: { ...patch, ...(managerId === null || managerId === before.id ? {} : { reportsTo: managerId }) } }
}

/**
 * Changes existing agents. Those that get another manager change one after the other, because each check for a cycle must see the
 * changes before it; the statements of the others are sent without waiting for each other's answers.
 */
async function updateAgents({ tx, ctx, events }: ImportState, updates: readonly Update[]): Promise<void> {
  const apply = async ({ before, patch }: Update): Promise<readonly DomainEvent[]> =>
    (await applyConfiguration(tx, ctx, before, { patch, origin: { source: 'patch' } })).events
  const applied = new Map<Update, readonly DomainEvent[]>()
  const movesLine = ({ before, patch }: Update): boolean => Boolean(patch.reportsTo) && patch.reportsTo !== before.reportsTo
  for (const update of updates) if (movesLine(update)) applied.set(update, await apply(update))
  const others = updates.filter((update) => !movesLine(update))
  const found = await allAtOnce(others.map(apply))
  for (const [index, update] of others.entries()) applied.set(update, found[index] ?? [])
  events.push(...updates.flatMap((update) => applied.get(update) ?? []))
  for (const { before, instructions } of updates) {
    for (const [path, content] of Object.entries(instructions?.files ?? {}))
      events.push(...(await writeInstructionsFile(tx, ctx, before, { path, content, base: undefined, approvalId: null })))
    if (instructions !== null)
      events.push(...(await updateBundle(tx, ctx, before, { entryFile: instructions.entryFile, clearsTemplates: false })).events)
  }
}

/**
 * (tx) Imports the agents of a package. New ones are inserted together; then existing ones change.
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
  await updateAgents(
    state,
    updates.map(({ id, entry }) => updateOf(state, before.get(id) ?? refuse('not_found', { message: 'Agent not found' }), entry)),
  )
  return steps.map(({ entry, id, action, name, reason }) => ({ slug: entry.slug, id, action: pastTense[action], name, reason }))
}
