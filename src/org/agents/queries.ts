import { sql } from 'drizzle-orm'
import type { z } from 'zod'
import type { Ctx, ReadDb } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { agents } from '../../model/agents.ts'
import type { AgentStatus } from '../../model/agentStatus.ts'
import { grants, memberships } from '../../model/companies.ts'
import { byCreation } from '../../platform/db/keyset.ts'
import type { KeysetParams, PageRequest } from '../../platform/db/keyset.ts'
import { isoJson, param, dynamicRead, statement } from '../../platform/db/statement.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { mapPage } from '../../platform/kernel/page.ts'
import type { Page } from '../../platform/kernel/page.ts'
import { agentColumns } from './lock.ts'
import type { AgentRow } from './lock.ts'
import { redactAgentFor } from './sight.ts'
import type { agentDetail as agentDetailView } from './views.ts'

const listOrder = byCreation('asc')

const listStatement = dynamicRead<KeysetParams & { companyId: string; status: readonly AgentStatus[] | null }, AgentRow>('agent_list')

/** The agents of a company that are not terminated, or those in the given statuses, oldest first. */
export async function listAgents(
  ctx: Ctx,
  { status, ...request }: PageRequest & { status?: readonly AgentStatus[] | undefined },
): Promise<Page<AgentRow>> {
  const page = listOrder.page(request)
  const inStatus = status === undefined ? sql`status <> 'terminated'` : sql`status = any(${param('status', 'text[]')})`
  const shown = await page.read(
    ctx.store.read,
    listStatement(
      `${status !== undefined}:${page.hasCursor}`,
      () => sql`select ${agentColumns} from ${agents}
      where company_id = ${param('companyId')} and ${inStatus} ${page.andAfterCursor} order by ${listOrder.orderBy} limit ${param('limit', 'int')}`,
    ),
    { companyId: companyOf(ctx), status: status ?? null, ...page.params },
  )
  return await mapPage(shown, (agent) => redactAgentFor(ctx.actor, agent))
}

/** An agent with its managers and its permissions. */
export type AgentDetail = Awaited<ReturnType<typeof agentDetail>>

type Detail = z.input<typeof agentDetailView>
type DetailRow = AgentRow & {
  chainOfCommand: Detail['chainOfCommand']
  membership: Detail['access']['membership']
  grants: Detail['access']['grants']
}

/** The most managers in an agent's chain of command. */
const MAX_MANAGERS = 50

const detailStatement = statement<{ id: string; companyId: string }, DetailRow>('agent_detail').read(sql`
  select ${agentColumns},
    (with recursive up as (
       select m.id, m.name, m.role, m.title, m.status, m.reports_to, 1 as height from ${agents} m where m.id = "agents"."reports_to"
       union all
       select m.id, m.name, m.role, m.title, m.status, m.reports_to, up.height + 1 from up join ${agents} m on m.id = up.reports_to
       where up.height < ${sql.raw(String(MAX_MANAGERS))})
     select coalesce(json_agg(json_build_object('id', id, 'name', name, 'role', role, 'title', title, 'status', status) order by height), '[]'::json) from up)
      as "chainOfCommand",
    (select json_build_object('id', m.id, 'companyId', m.company_id, 'principalType', m.principal_type, 'principalId', m.principal_id,
       'status', m.status, 'membershipRole', m.membership_role, 'createdAt', ${isoJson(sql`m.created_at`)}, 'updatedAt', ${isoJson(sql`m.updated_at`)})
     from ${memberships} m where m.company_id = "agents"."company_id" and m.principal_type = 'agent' and m.principal_id = "agents"."id"::text) as membership,
    (select coalesce(json_agg(json_build_object('id', g.id, 'companyId', g.company_id, 'principalType', g.principal_type, 'principalId', g.principal_id,
       'permissionKey', g.permission_key, 'scope', g.scope, 'grantedByUserId', g.granted_by_user_id, 'createdAt', ${isoJson(sql`g.created_at`)},
       'updatedAt', ${isoJson(sql`g.updated_at`)}) order by g.permission_key), '[]'::json)
     from ${grants} g where g.company_id = "agents"."company_id" and g.principal_type = 'agent' and g.principal_id = "agents"."id"::text) as grants
  from ${agents} where "agents"."id" = ${param('id')} and "agents"."company_id" = ${param('companyId')}`)

function taskAssignSourceOf(row: DetailRow): Detail['access']['taskAssignSource'] {
  if (row.role === 'ceo') return 'ceo_role'
  if (row.permissions.canCreateAgents) return 'agent_creator'
  return row.grants.some((grant) => grant.permissionKey === 'tasks:assign') ? 'explicit_grant' : 'none'
}

const agentExists = statement<{ id: string; companyId: string }, { id: string }>('agent_exists').read(
  sql`select id from ${agents} where id = ${param('id')} and company_id = ${param('companyId')}`,
)

/** Refuses an agent that is missing or foreign. @throws Refusal `not_found` */
export async function requireAgent(db: Pick<ReadDb, 'run'>, companyId: string, id: string): Promise<void> {
  if ((await db.run(agentExists, { id, companyId })).length === 0) refuse('not_found', { message: 'Agent not found' })
}

/**
 * One agent with its managers and its permissions.
 * @param db the transaction, if it has just changed the agent
 * @throws Refusal `not_found`
 */
export async function agentDetail(ctx: Ctx, id: string, db: Pick<ReadDb, 'run'> = ctx.store.read) {
  const [row] = await db.run(detailStatement, { id, companyId: companyOf(ctx) })
  if (row === undefined) refuse('not_found', { message: 'Agent not found' })
  const { membership, grants: grantRows, ...agent } = row
  const taskAssignSource = taskAssignSourceOf(row)
  return {
    ...redactAgentFor(ctx.actor, agent),
    access: { canAssignTasks: taskAssignSource !== 'none', taskAssignSource, membership, grants: grantRows },
  }
}
