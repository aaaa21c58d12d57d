import { sql } from 'drizzle-orm'
import { memberships } from '../db/schema/companies.ts'
import { agents } from '../db/schema/agents.ts'
import { grants } from '../db/schema/companies.ts'
import { issues, labels } from '../db/schema/issues.ts'
import { goals, projects, projectWorkspaces } from '../db/schema/projects.ts'
import type { Tx } from '../db/mutate.ts'
import { param, statement } from '../db/statement.ts'
import type { Ctx } from '../db/context.ts'
import { companyOf } from '../db/context.ts'
import type { AgentStatus } from '../agents/status.ts'
import { notFound, refuse } from '../kernel/errors.ts'
import { only } from '../kernel/only.ts'

/** What an issue may refer to. Undefined and null ask for nothing. */
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

interface Found {
  project: boolean
  workspace: boolean
  goal: boolean
  parent: boolean
  agentStatus: AgentStatus | null
  user: boolean
  labels: number
  blockers: number
}

interface Asked {
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

// Everything in one look, with the tenant condition inside: what is foreign is as absent as what is missing (I12).
const look = statement<Asked, Found>('issue_references').read(sql`
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
 * (tx) Checks that everything referred to is there, in this company, and fit for its part.
 * @throws Refusal `not_found` for an assignee, `agent_terminated`, `agent_pending`, `unknown_reference` for the rest
 */
export async function demandReferences(tx: Tx, ctx: Ctx, wanted: References): Promise<void> {
  const labelIds = [...new Set(wanted.labelIds ?? [])]
  const blockerIds = [...new Set(wanted.blockedByIssueIds ?? [])]
  const { projectId, projectWorkspaceId, goalId, parentId, assigneeAgentId, assigneeUserId } = wanted
  const asksNothing = [projectId, projectWorkspaceId, goalId, parentId, assigneeAgentId, assigneeUserId].every(
    (id) => id === undefined || id === null,
  )
  if (asksNothing && labelIds.length === 0 && blockerIds.length === 0) return
  const found = only(
    await tx.run(look, {
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
  const missing = (message: string): never => refuse('unknown_reference', { message })
  if (assigneeAgentId && found.agentStatus === null) throw notFound('Assignee agent')
  if (assigneeUserId && !found.user) throw notFound('Assignee user')
  if (found.agentStatus === 'terminated') refuse('agent_terminated', { message: 'Cannot assign work to terminated agents' })
  if (found.agentStatus === 'pending_approval') refuse('agent_pending', { message: 'Cannot assign work to pending approval agents' })
  if (projectId && !found.project) missing('Project not found')
  if (projectWorkspaceId && !found.workspace) missing('Project workspace not found')
  if (goalId && !found.goal) missing('Goal not found')
  if (parentId && !found.parent) missing('Parent issue not found')
  if (found.labels !== labelIds.length) missing('One or more labels are invalid for this company')
  if (found.blockers !== blockerIds.length) missing('One or more blockers are invalid for this company')
}

const grantOf = statement<{ companyId: string; agentId: string; permissionKey: string }, { held: boolean }>('issue_grant').read(sql`
  select exists (select 1 from ${grants} where company_id = ${param('companyId')} and principal_type = 'agent'
    and principal_id = ${param('agentId', 'text')} and permission_key = ${param('permissionKey')}) as held`)

/**
 * (tx) Refuses an agent that may not choose assignees: CEOs and creators may, others need the grant `tasks:assign`.
 */
export async function demandMayAssign(tx: Tx, ctx: Ctx): Promise<void> {
  const { actor } = ctx
  if (actor.kind !== 'agent' || actor.role === 'ceo' || actor.canCreateAgents) return
  const rows = await tx.run(grantOf, { companyId: companyOf(ctx), agentId: actor.agentId, permissionKey: 'tasks:assign' })
  if (rows[0]?.held !== true) refuse('assign_not_permitted')
}
