import { and, eq } from 'drizzle-orm'
import { nextUpdatedAt } from '../../platform/db/columns.ts'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { agents } from '../../model/agents.ts'
import { grants } from '../../model/companies.ts'
import type { Actor } from '../../platform/kernel/actor.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { powerIn } from '../../auth/power.ts'
import { authorityOf } from './configure.ts'
import { permissionsUpdated } from './events.ts'
import type { AgentRow } from './lock.ts'
import { agentDetail } from './queries.ts'
import type { AgentDetail } from './queries.ts'
import type { SetPermissions } from './views.ts'

const ASSIGN_TASKS = 'tasks:assign'

/** A request for permissions, compared with what the agent has. */
interface PermissionsChange {
  readonly before: AgentDetail
  readonly canCreateAgents: boolean
  readonly canAssignTasks: boolean
  readonly differs: boolean
  /** The permissions that an agent can only propose (I21); none for the board. */
  readonly power: readonly string[]
}

/**
 * (tx) Compares requested permissions with those of an agent. A CEO and an agent creator may always assign work, so they keep
 * the grant `tasks:assign` whatever the input is. Expects the agent's row lock.
 * @throws Refusal `agent_terminated`; `agent_pending` when an agent changes one that waits for the board
 */
export async function comparePermissions(tx: Tx, ctx: Ctx, agent: AgentRow, input: SetPermissions): Promise<PermissionsChange> {
  const { actor } = ctx
  if (agent.status === 'terminated') refuse('agent_terminated')
  if (agent.status === 'pending_approval' && actor.kind === 'agent') refuse('agent_pending')
  const { canCreateAgents } = input
  const canAssignTasks = input.canAssignTasks || canCreateAgents || agent.role === 'ceo'
  const before = await agentDetail(ctx, agent.id, tx)
  const holdsGrant = before.access.grants.some((grant) => grant.permissionKey === ASSIGN_TASKS)
  const differs = holdsGrant !== canAssignTasks || agent.permissions.canCreateAgents !== canCreateAgents
  return { before, canCreateAgents, canAssignTasks, differs, power: powerOf(actor, agent, holdsGrant, { canCreateAgents, canAssignTasks }) }
}

const powerOf = (actor: Actor, agent: AgentRow, holdsGrant: boolean, wanted: Readonly<Record<string, boolean>>): string[] =>
  actor.kind === 'agent' ? powerIn(actor, authorityOf(agent, holdsGrant), wanted) : []

/** (tx) Writes the permissions of an agent. Expects its row lock and a caller that may give them. @returns the agent, and the event of a difference */
export async function applyPermissions(
  tx: Tx,
  ctx: Ctx,
  agent: AgentRow,
  change: PermissionsChange,
): Promise<{ readonly agent: AgentDetail; readonly events: readonly DomainEvent[] }> {
  const { before, canCreateAgents, canAssignTasks } = change
  if (!change.differs) return { agent: before, events: [] }
  await tx
    .update(agents)
    .set({ permissions: { ...agent.permissions, canCreateAgents }, updatedAt: nextUpdatedAt })
    .where(eq(agents.id, agent.id))
  const { companyId } = agent
  const grant = { companyId, principalType: 'agent' as const, principalId: agent.id, permissionKey: ASSIGN_TASKS }
  const grantedByUserId = ctx.actor.kind === 'board' ? ctx.actor.userId : null
  if (canAssignTasks)
    await tx
      .insert(grants)
      .values({ ...grant, grantedByUserId })
      .onConflictDoNothing()
  else
    await tx
      .delete(grants)
      .where(
        and(
          eq(grants.companyId, companyId),
          eq(grants.principalType, 'agent'),
          eq(grants.principalId, agent.id),
          eq(grants.permissionKey, ASSIGN_TASKS),
        ),
      )
  const updated = permissionsUpdated(agent.id, { canCreateAgents, canAssignTasks }, { agentId: agent.id })
  return { agent: await agentDetail(ctx, agent.id, tx), events: [updated] }
}
