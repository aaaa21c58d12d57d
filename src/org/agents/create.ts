import { randomUUID } from 'node:crypto'
import { sql } from 'drizzle-orm'
import { lockUnarchivedCompany } from '../companies/index.ts'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { agents } from '../../model/agents.ts'
import { grants, memberships } from '../../model/companies.ts'
import { changed, mutate } from '../../platform/db/mutate.ts'
import { param, statement } from '../../platform/db/statement.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { requireNoRedacted } from '../../platform/kernel/placeholders.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import { agentCreated } from './events.ts'
import { requireManager } from './hierarchy.ts'
import { agentColumns } from './lock.ts'
import type { AgentRow } from './lock.ts'
import { uniqueName, namesInUse, urlKeyOf } from './names.ts'
import { configurationFields } from './views.ts'
import type { CreateAgent } from './views.ts'

/** The most agents of one company. It limits an agent that hires in a loop. */
const MAX_AGENTS = 5000

const insertMembership = statement<{ companyId: string; agentId: string; userId: string | null }, never>('agent_enrol').write(sql`
  with member as (
    insert into ${memberships} (company_id, principal_type, principal_id, status, membership_role)
    values (${param('companyId', 'uuid')}, 'agent', ${param('agentId', 'text')}, 'active', 'member') on conflict do nothing)
  insert into ${grants} (company_id, principal_type, principal_id, permission_key, granted_by_user_id)
  values (${param('companyId', 'uuid')}, 'agent', ${param('agentId', 'text')}, 'tasks:assign', ${param('userId', 'text')}) on conflict do nothing`)

const selectAgent = statement<{ id: string }, AgentRow>('agent_inserted').read(
  sql`select ${agentColumns} from ${agents} where id = ${param('id')}`,
)

/** Puts environment values that are bare text into the tagged form of Paperclip's API, in which they are stored. */
export function normalizeAdapterConfig(config: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { env } = config
  if (env === null || typeof env !== 'object' || Array.isArray(env)) return { ...config }
  const entries = Object.entries(env).map(([key, value]) => [
    key,
    typeof value === 'string' ? { type: 'plain', value } : (value as unknown),
  ])
  return { ...config, env: Object.fromEntries(entries) }
}

/** The configuration of a new agent: the fields of the input, with the defaults of what it leaves out. */
export function agentDefaults(input: CreateAgent) {
  const role = input.role ?? 'general'
  return {
    role,
    title: input.title ?? null,
    icon: input.icon ?? null,
    reportsTo: input.reportsTo ?? null,
    capabilities: input.capabilities ?? null,
    adapterType: input.adapterType ?? 'process',
    adapterConfig: normalizeAdapterConfig(input.adapterConfig ?? {}),
    runtimeConfig: input.runtimeConfig ?? {},
    budgetMonthlyCents: input.budgetMonthlyCents ?? 0,
    permissions: { canCreateAgents: input.permissions?.canCreateAgents ?? role === 'ceo' },
    metadata: input.metadata ?? null,
  }
}

/**
 * (tx) Inserts an agent under a free name, as a member of the company that may assign tasks. Locks the company.
 * @param status `idle`, or `pending_approval` for a hire that the board has not decided yet
 * @throws Refusal `company_not_active`, `unprocessable` beyond the limit, and as `requireManager`
 */
export async function insertAgent(tx: Tx, ctx: Ctx, input: CreateAgent, status: 'idle' | 'pending_approval'): Promise<AgentRow> {
  const companyId = companyOf(ctx)
  await lockUnarchivedCompany(tx, companyId)
  const id = randomUUID()
  const usedNames = await namesInUse(tx, companyId, null)
  if (usedNames.names.size >= MAX_AGENTS) refuse('unprocessable', { message: `A company has at most ${MAX_AGENTS} agents` })
  if (input.reportsTo) await requireManager(tx, companyId, id, input.reportsTo)
  const name = uniqueName(input.name, id, usedNames)
  await tx.insert(agents).values({ ...agentDefaults(input), id, companyId, name, urlKey: urlKeyOf(name, id), status })
  await tx.run(insertMembership, { companyId, agentId: id, userId: ctx.actor.kind === 'board' ? ctx.actor.userId : null })
  return exactlyOne(await tx.run(selectAgent, { id }))
}

/** Creates an idle agent. Only the board calls it; an agent requests a hire instead. @throws Refusal as `insertAgent` */
export async function createAgent(ctx: Ctx, input: CreateAgent): Promise<AgentRow> {
  requireNoRedacted(input, configurationFields)
  return await mutate(ctx, async (tx) => {
    const agent = await insertAgent(tx, ctx, input, 'idle')
    const { name, role, adapterType, reportsTo } = agent
    return changed(agent, agentCreated(agent.id, { name, role, adapterType, reportsTo }, { agentId: agent.id }))
  })
}
