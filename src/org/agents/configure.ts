import { isDeepStrictEqual } from 'node:util'
import { eq } from 'drizzle-orm'
import { nextUpdatedAt } from '../../platform/db/columns.ts'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { agents } from '../../model/agents.ts'
import type { Actor } from '../../platform/kernel/actor.ts'
import { fieldMeanings, powerIn, stepsDown } from '../../auth/power.ts'
import type { FieldMeaning, Authority } from '../../auth/power.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import { mergeAdapterConfig } from './adapterConfig.ts'
import { setMonthlyBudgetAtEnd } from '../companies/index.ts'
import { requireSecretReferences } from '../secrets/index.ts'
import { agentUpdated, configRolledBack, instructionsPathUpdated, skillsSynced } from './events.ts'
import { requireManager } from './hierarchy.ts'
import { lockAgent } from './lock.ts'
import type { AgentRow } from './lock.ts'
import { nameKeyOf, namesInUse, takeUrlKey, urlKeyOf } from './names.ts'
import { insertRevision } from './revisions.ts'
import type { Origin } from './revisions.ts'
import { agentStatus } from '../../model/agentStatus.ts'
import type { PatchAgent } from './views.ts'

/** The fields that a patch names. */
export const fieldsOf = (input: PatchAgent): string[] => Object.keys(input).filter((key) => input[key as keyof PatchAgent] !== undefined)

const meanings: Readonly<Record<string, FieldMeaning>> = fieldMeanings['agent.update']

/** The agent as far as it decides about power. @param canAssignTasks whether it holds the grant */
export const authorityOf = (agent: AgentRow, canAssignTasks = false): Authority => ({
  id: agent.id,
  role: agent.role,
  reportsTo: agent.reportsTo,
  canCreateAgents: agent.permissions.canCreateAgents,
  canAssignTasks,
})

/**
 * Checks which fields the caller may change of an agent. An agent changes its presentation and may step down in its role; a
 * CEO and an agent creator also change names, roles and lines of others.
 * @returns the fields that take effect only through an approval (I18, I21); none for the board
 * @throws Refusal `field_not_permitted`
 */
export function requirePermittedFields(actor: Actor, agent: AgentRow, input: PatchAgent): string[] {
  if (actor.kind !== 'agent') return []
  const isSelf = actor.agentId === agent.id
  const isManager = !isSelf && (actor.role === 'ceo' || actor.canCreateAgents)
  const power = powerIn(actor, authorityOf(agent), input)
  const isPermitted = (field: string): boolean => {
    const meaning = meanings[field]
    if (meaning === 'own' || meaning === 'host') return true
    if (isManager) return meaning === 'managed' || meaning === 'power'
    return isSelf && field === 'role' && stepsDown(agent.role, input.role)
  }
  const refused = fieldsOf(input).filter((field) => !isPermitted(field))
  if (refused.length > 0) refuse('field_not_permitted', { details: { fields: refused } })
  return power
}

/** True when these changes need the company's row lock: names are unique in a company, and reporting lines have no cycles. */
export const needsCompanyLock = (input: PatchAgent): boolean => input.name !== undefined || Boolean(input.reportsTo)

/** The shortname for a new name of an agent. @throws Refusal `name_taken` */
async function shortnameFor(tx: Tx, agent: AgentRow, name: string): Promise<string> {
  const usedNames = await namesInUse(tx, agent.companyId, agent.id)
  if (usedNames.names.has(nameKeyOf(name)))
    refuse('name_taken', { message: `Agent shortname '${urlKeyOf(name, agent.id)}' is already in use in this company` })
  return takeUrlKey(name, agent.id, usedNames)
}

function requireStatusChange(agent: AgentRow, to: PatchAgent['status']): void {
  if (to === undefined || to === agent.status) return
  if (agent.status === 'terminated') refuse('agent_terminated', { message: 'Terminated agents cannot be changed to another status' })
  if (agent.status === 'pending_approval') refuse('agent_pending', { message: 'Pending approval agents cannot be activated directly' })
  // Pausing ends runs and resuming starts work, so each has its own endpoint.
  if (to === 'paused' || agent.status === 'paused') refuse('unprocessable', { message: 'Use POST /api/agents/:id/pause and /resume' })
  agentStatus.transition(agent.status, to)
}

/** The fields that a patch sets to another value than the agent has, with their new values. Pure. */
export function resultingFields(agent: AgentRow, input: PatchAgent): Record<string, unknown> {
  const { replaceAdapterConfig: _, permissions: _permissions, adapterConfig: _config, desiredSkills: _skills, ...plainFields } = input
  const adapterConfig = mergeAdapterConfig(agent, input)
  const nextValues: Record<string, unknown> = { ...plainFields, ...(adapterConfig === undefined ? {} : { adapterConfig }) }
  return Object.fromEntries(
    Object.entries(nextValues).filter(([key, value]) => value !== undefined && !isDeepStrictEqual(value, agent[key as keyof AgentRow])),
  )
}

export interface ConfigurationChange {
  readonly patch: PatchAgent
  /** The source of the change, for the revision. */
  readonly origin: Origin
}

/** An agent after a change, and the events: none when nothing differed. */
export interface AppliedConfiguration {
  readonly agent: AgentRow
  readonly events: readonly DomainEvent[]
}

const isNewCommand = (changes: object): boolean => 'adapterType' in changes || 'adapterConfig' in changes

/**
 * (tx) Writes a change of an agent and its revision. This function is the only writer of an agent's configuration. It
 * expects a caller that was allowed to change these fields, the agent's row lock, and the company's if `needsCompanyLock`.
 *
 * @throws Refusal `name_taken`, `reporting_cycle`, `unknown_reference`, `agent_terminated`, `agent_pending`
 */
export async function applyConfiguration(
  tx: Tx,
  ctx: Ctx,
  agent: AgentRow,
  { patch: input, origin }: ConfigurationChange,
): Promise<AppliedConfiguration> {
  requireStatusChange(agent, input.status)
  const changes = resultingFields(agent, input)
  const changedKeys = Object.keys(changes)
  if (changedKeys.length === 0) return { agent, events: [] }
  const urlKey = input.name !== undefined && 'name' in changes ? { urlKey: await shortnameFor(tx, agent, input.name) } : {}
  if (input.reportsTo && 'reportsTo' in changes) await requireManager(tx, agent.companyId, agent.id, input.reportsTo)
  if ('adapterConfig' in changes) await requireSecretReferences(tx, agent.companyId, changes['adapterConfig'], agent.adapterConfig)
  const { budgetMonthlyCents = agent.budgetMonthlyCents, ...columns } = changes as Partial<AgentRow>
  if ('budgetMonthlyCents' in changes) setMonthlyBudgetAtEnd(tx, agent.companyId, agent.id, budgetMonthlyCents)
  await tx
    .update(agents)
    // `error` is about the configuration that failed, so another one starts without it. A new configuration may contain another timer interval, so the timer starts again.
    .set({
      ...columns,
      ...urlKey,
      ...('runtimeConfig' in changes ? { nextTimerAt: null } : {}),
      ...(agent.status === 'error' && isNewCommand(changes) ? { status: 'idle' as const } : {}),
      updatedAt: nextUpdatedAt,
    })
    .where(eq(agents.id, agent.id))
  const updatedAgent = { ...(await lockAgent(tx, agent.companyId, agent.id)), budgetMonthlyCents }
  const revisionId = await insertRevision(tx, ctx, { before: agent, after: updatedAgent }, origin)
  return { agent: updatedAgent, events: [eventOf(updatedAgent, { changes, changedKeys, revisionId }, origin)] }
}

interface WrittenChange {
  readonly changes: Readonly<Record<string, unknown>>
  readonly changedKeys: string[]
  readonly revisionId: string | null
}

/** The audit row of a change, by its source. */
function eventOf({ id, adapterConfig }: AgentRow, { changes, changedKeys, revisionId }: WrittenChange, origin: Origin): DomainEvent {
  const context = { agentId: id }
  switch (origin.source) {
    case 'rollback':
      return configRolledBack(id, { changedKeys, revisionId, rolledBackFromRevisionId: origin.rolledBackFromRevisionId }, context)
    case 'skill-sync':
      return skillsSynced(id, { desiredSkills: skillNames(adapterConfig), revisionId }, context)
    case 'instructions_path_patch':
      return instructionsPathUpdated(id, { isSet: Boolean(adapterConfig['instructionsFilePath']), revisionId }, context)
    case 'patch':
    case 'instructions_bundle_patch':
      return agentUpdated(id, { ...changes, changedKeys, revisionId }, context)
  }
}

const skillNames = ({ desiredSkills }: AgentRow['adapterConfig']): string[] =>
  Array.isArray(desiredSkills) ? desiredSkills.filter((name) => typeof name === 'string') : []
