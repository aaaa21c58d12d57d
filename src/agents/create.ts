import { randomUUID } from 'node:crypto'
import { sql } from 'drizzle-orm'
import { lockCompany } from '../companies/index.ts'
import type { Ctx } from '../db/context.ts'
import { companyOf } from '../db/context.ts'
import { agents } from '../db/schema/agents.ts'
import { grants, memberships } from '../db/schema/companies.ts'
import { changed, mutate } from '../db/mutate.ts'
import type { Tx } from '../db/mutate.ts'
import { param, statement } from '../db/statement.ts'
import { refuse } from '../kernel/errors.ts'
import { only } from '../kernel/only.ts'
import { agentCreated } from './events.ts'
import { demandManager } from './hierarchy.ts'
import { agentColumns } from './lock.ts'
import type { AgentRow } from './lock.ts'
import { freeName, namesTaken, urlKeyOf } from './names.ts'
import type { CreateAgent } from './views.ts'

/** Agents of one company; a runaway loop that hires must meet a wall. */
const MOST_AGENTS = 5000

const enrol = statement<{ companyId: string; agentId: string; userId: string | null }, never>('agent_enrol').write(sql`
  with member as (
    insert into ${memberships} (company_id, principal_type, principal_id, status, membership_role)
    values (${param('companyId', 'uuid')}, 'agent', ${param('agentId', 'text')}, 'active', 'member') on conflict do nothing)
  insert into ${grants} (company_id, principal_type, principal_id, permission_key, granted_by_user_id)
  values (${param('companyId', 'uuid')}, 'agent', ${param('agentId', 'text')}, 'tasks:assign', ${param('userId', 'text')}) on conflict do nothing`)

const byId = statement<{ id: string }, AgentRow>('agent_inserted').read(
  sql`select ${agentColumns} from ${agents} where id = ${param('id')}`,
)

/** Environment values given as bare text are stored in the tagged form of the public wire. */
export function normalizeAdapterConfig(config: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { env } = config
  if (env === null || typeof env !== 'object' || Array.isArray(env)) return { ...config }
  const entries = Object.entries(env).map(([key, value]) => [
    key,
    typeof value === 'string' ? { type: 'plain', value } : (value as unknown),
  ])
  return { ...config, env: Object.fromEntries(entries) }
}

/**
 * (tx) Inserts an agent under a free name, as a member that may assign tasks.
 * @param status `idle`, or `pending_approval` for one that the board has yet to decide on
 * @throws Refusal `unknown_reference` for a manager that is not there
 */
export async function insertAgent(tx: Tx, ctx: Ctx, wanted: CreateAgent, status: 'idle' | 'pending_approval'): Promise<AgentRow> {
  const companyId = companyOf(ctx)
  const company = await lockCompany(tx, companyId)
  if (company.status === 'archived') refuse('company_not_active', { message: 'Company is archived' })
  const id = randomUUID()
  const inUse = await namesTaken(tx, companyId, null)
  if (inUse.names.size >= MOST_AGENTS) refuse('unprocessable', { message: `A company has at most ${MOST_AGENTS} agents` })
  if (wanted.reportsTo) await demandManager(tx, companyId, id, wanted.reportsTo)
  const name = freeName(wanted.name, id, inUse)
  const role = wanted.role ?? 'general'
  await tx.insert(agents).values({
    id,
    companyId,
    name,
    urlKey: urlKeyOf(name, id),
    role,
    title: wanted.title ?? null,
    icon: wanted.icon ?? null,
    status,
    reportsTo: wanted.reportsTo ?? null,
    capabilities: wanted.capabilities ?? null,
    adapterType: wanted.adapterType ?? 'process',
    adapterConfig: normalizeAdapterConfig(wanted.adapterConfig ?? {}),
    runtimeConfig: wanted.runtimeConfig ?? {},
    budgetMonthlyCents: wanted.budgetMonthlyCents ?? 0,
    permissions: { canCreateAgents: wanted.permissions?.canCreateAgents ?? role === 'ceo' },
    metadata: wanted.metadata ?? null,
  })
  await tx.run(enrol, { companyId, agentId: id, userId: ctx.actor.kind === 'board' ? ctx.actor.userId : null })
  return only(await tx.run(byId, { id }))
}

/** Creates an active agent; the board's own act. @throws Refusal as `insertAgent` */
export async function createAgent(ctx: Ctx, wanted: CreateAgent): Promise<AgentRow> {
  return await mutate(ctx, async (tx) => {
    const agent = await insertAgent(tx, ctx, wanted, 'idle')
    const { name, role, adapterType, reportsTo } = agent
    return changed(agent, agentCreated(agent.id, { name, role, adapterType, reportsTo }, { agentId: agent.id }))
  })
}
