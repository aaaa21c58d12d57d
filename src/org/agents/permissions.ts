import { and, eq, sql } from 'drizzle-orm'
import type { Ctx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { changed, mutate, unchanged } from '../../platform/db/mutate.ts'
import { agents } from '../../model/agents.ts'
import { grants } from '../../model/companies.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { requireActingRun } from '../../auth/runFacts.ts'
import { permissionsUpdated } from './events.ts'
import { lockAgent } from './lock.ts'
import { agentDetail } from './queries.ts'
import type { SetPermissions } from './views.ts'

const ASSIGN_TASKS = 'tasks:assign'

/**
 * Sets the permissions of an agent beyond its role. A CEO and an agent creator may always assign work, so they keep the
 * grant `tasks:assign` whatever the input is.
 *
 * @throws Refusal `not_found`, `agent_terminated`; `agent_pending` when an agent changes one that waits for the board
 */
export async function setPermissions(ctx: Ctx, agentId: string, input: SetPermissions) {
  const companyId = companyOf(ctx)
  return await mutate(ctx, async (tx) => {
    const agent = await lockAgent(tx, companyId, agentId)
    await requireActingRun(tx, ctx)
    if (agent.status === 'terminated') refuse('agent_terminated')
    if (agent.status === 'pending_approval' && ctx.actor.kind === 'agent') refuse('agent_pending')
    const { canCreateAgents } = input
    const canAssignTasks = input.canAssignTasks || canCreateAgents || agent.role === 'ceo'
    const before = await agentDetail(ctx, agentId, tx)
    const holdsGrant = before.access.grants.some((grant) => grant.permissionKey === ASSIGN_TASKS)
    if (holdsGrant === canAssignTasks && agent.permissions.canCreateAgents === canCreateAgents) return unchanged(before)
    await tx
      .update(agents)
      .set({ permissions: { ...agent.permissions, canCreateAgents }, updatedAt: sql`now()` })
      .where(eq(agents.id, agentId))
    const grant = { companyId, principalType: 'agent' as const, principalId: agentId, permissionKey: ASSIGN_TASKS }
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
            eq(grants.principalId, agentId),
            eq(grants.permissionKey, ASSIGN_TASKS),
          ),
        )
    return changed(await agentDetail(ctx, agentId, tx), permissionsUpdated(agentId, { canCreateAgents, canAssignTasks }, { agentId }))
  })
}
