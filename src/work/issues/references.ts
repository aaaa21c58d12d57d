import { sql } from 'drizzle-orm'
import { agents } from '../../model/agents.ts'
import { grants, memberships } from '../../model/companies.ts'
import { issues, labels } from '../../model/issues.ts'
import { goals, projects, projectWorkspaces } from '../../model/projects.ts'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { param, statement } from '../../platform/db/statement.ts'
import { companyOf } from '../../platform/db/context.ts'
import type { AgentStatus } from '../../model/agentStatus.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'

/** The references of an issue. Undefined and null are not checked. */
export interface References {
  readonly projectId?: string | null | undefined
  readonly projectWorkspaceId?: string | null | undefined
  readonly goalId?: string | null | undefined
  readonly parentId?: string | null | undefined
  readonly assigneeAgentId?: string | null | undefined
  readonly assigneeUserId?: string | null | undefined
  readonly labelIds?: readonly string[] | null | undefined
  readonly blockedByIssueIds?: readonly string[] | undefined
}

interface ReferenceFacts {
  project: boolean
  workspace: boolean
  goal: boolean
  parent: boolean
  agentStatus: AgentStatus | null
  user: boolean
  labels: number
  blockers: number
}

interface ReferenceIds {
  companyId: string
  projectId: string | null
  workspaceId: string | null
  goalId: string | null
  parentId: string | null
  agentId: string | null
  userId: string | null
  labelIds: string[]
  blockerIds: string[]
}

// One statement reads all facts, each with the tenant condition: a foreign row counts as missing (I12).
const loadReferenceFacts = statement<ReferenceIds, ReferenceFacts>('issue_references').read(sql`
  select
    exists (select 1 from ${projects} where id = ${param('projectId', 'uuid')} and company_id = ${param('companyId', 'uuid')}) as project,
    exists (select 1 from ${projectWorkspaces} where id = ${param('workspaceId', 'uuid')} and company_id = ${param('companyId', 'uuid')}
      and (project_id = ${param('projectId', 'uuid')} or ${param('projectId', 'uuid')} is null)) as workspace,
    exists (select 1 from ${goals} where id = ${param('goalId', 'uuid')} and company_id = ${param('companyId', 'uuid')}) as goal,
    exists (select 1 from ${issues} where id = ${param('parentId', 'uuid')} and company_id = ${param('companyId', 'uuid')}) as parent,
    (select status from ${agents} where id = ${param('agentId', 'uuid')} and company_id = ${param('companyId', 'uuid')}) as "agentStatus",
    exists (select 1 from ${memberships} where company_id = ${param('companyId', 'uuid')} and principal_type = 'user'
      and principal_id = ${param('userId', 'text')} and status = 'active') as "user",
    (select count(*)::int from ${labels} where id = any(${param('labelIds', 'uuid[]')}) and company_id = ${param('companyId', 'uuid')}) as labels,
    (select count(*)::int from ${issues} where id = any(${param('blockerIds', 'uuid[]')}) and company_id = ${param('companyId', 'uuid')}) as blockers`)

/**
 * (tx) Checks that every referenced row exists in this company, and that the assignee may get work.
 * @throws Refusal `not_found` for an assignee, `agent_terminated`, `agent_pending`, `unknown_reference` for the rest
 */
export async function requireReferences(tx: Tx, ctx: Ctx, input: References): Promise<void> {
  const { projectId, projectWorkspaceId, goalId, parentId, assigneeAgentId, assigneeUserId } = input
  const hasNoIds = [projectId, projectWorkspaceId, goalId, parentId, assigneeAgentId, assigneeUserId].every(
    (id) => id === undefined || id === null,
  )
  if (hasNoIds && (input.labelIds ?? []).length === 0 && (input.blockedByIssueIds ?? []).length === 0) return
  const labelIds = [...new Set(input.labelIds ?? [])]
  const blockerIds = [...new Set(input.blockedByIssueIds ?? [])]
  const facts = exactlyOne(
    await tx.run(loadReferenceFacts, {
      companyId: companyOf(ctx),
      projectId: projectId ?? null,
      workspaceId: projectWorkspaceId ?? null,
      goalId: goalId ?? null,
      parentId: parentId ?? null,
      agentId: assigneeAgentId ?? null,
      userId: assigneeUserId ?? null,
      labelIds,
      blockerIds,
    }),
  )
  const refuseReference = (message: string): never => refuse('unknown_reference', { message })
  if (assigneeAgentId && facts.agentStatus === null) refuse('not_found', { message: 'Assignee agent not found' })
  if (assigneeUserId && !facts.user) refuse('not_found', { message: 'Assignee user not found' })
  if (facts.agentStatus === 'terminated') refuse('agent_terminated', { message: 'Cannot assign work to terminated agents' })
  if (facts.agentStatus === 'pending_approval') refuse('agent_pending', { message: 'Cannot assign work to pending approval agents' })
  if (projectId && !facts.project) refuseReference('Project not found')
  if (projectWorkspaceId && !facts.workspace) refuseReference('Project workspace not found')
  if (goalId && !facts.goal) refuseReference('Goal not found')
  if (parentId && !facts.parent) refuseReference('Parent issue not found')
  if (facts.labels !== labelIds.length) refuseReference('One or more labels are invalid for this company')
  if (facts.blockers !== blockerIds.length) refuseReference('One or more blockers are invalid for this company')
}

const hasGrant = statement<{ companyId: string; agentId: string; permissionKey: string }, { held: boolean }>('issue_grant').read(sql`
  select exists (select 1 from ${grants} where company_id = ${param('companyId')} and principal_type = 'agent'
    and principal_id = ${param('agentId', 'text')} and permission_key = ${param('permissionKey')}) as held`)

/**
 * (tx) Refuses an agent that may not choose assignees. A CEO and an agent creator may; others need the grant `tasks:assign`.
 * @throws Refusal `assign_not_permitted`
 */
export async function requireMayAssign(tx: Tx, ctx: Ctx): Promise<void> {
  const { actor } = ctx
  if (actor.kind !== 'agent' || actor.role === 'ceo' || actor.canCreateAgents) return
  const rows = await tx.run(hasGrant, { companyId: companyOf(ctx), agentId: actor.agentId, permissionKey: 'tasks:assign' })
  if (rows[0]?.held !== true) refuse('assign_not_permitted')
}
