import { randomUUID } from 'node:crypto'
import { sql } from 'drizzle-orm'
import { lockUnarchivedCompany, setMonthlyBudgetAtEnd } from '../companies/index.ts'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { agents } from '../../model/agents.ts'
import { grants, memberships } from '../../model/companies.ts'
import { changed, mutate } from '../../platform/db/mutate.ts'
import { insertRows } from '../../platform/db/insertRows.ts'
import { param, statement } from '../../platform/db/statement.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { requireNoRedacted } from '../../platform/kernel/placeholders.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import { requireSecretReferences } from '../secrets/index.ts'
import { normalizeAdapterConfig, withDesiredSkills } from './adapterConfig.ts'
import { agentCreated } from './events.ts'
import { requireManagers } from './hierarchy.ts'
import { agentColumns } from './lock.ts'
import type { AgentRow } from './lock.ts'
import { namesInUse, takeName, takeUrlKey } from './names.ts'
import { requireUsableConfig, warningsOfConfig, withWarnings } from './usableConfig.ts'
import type { ConfigurationChecks } from './usableConfig.ts'
import { configurationFields } from './views.ts'
import type { CreateAgent } from './views.ts'

/** The most agents of one company. It limits an agent that hires in a loop. */
const MAX_AGENTS = 5000

const insertMemberships = statement<{ companyId: string; agentIds: string[]; userId: string | null }, never>('agent_enrol').write(sql`
  with member as (
    insert into ${memberships} (company_id, principal_type, principal_id, status, membership_role)
    select ${param('companyId', 'uuid')}, 'agent', id, 'active', 'member' from unnest(${param('agentIds', 'text[]')}) id on conflict do nothing)
  insert into ${grants} (company_id, principal_type, principal_id, permission_key, granted_by_user_id)
  select ${param('companyId', 'uuid')}, 'agent', id, 'tasks:assign', ${param('userId', 'text')}
  from unnest(${param('agentIds', 'text[]')}) id on conflict do nothing`)

const selectAgents = statement<{ ids: string[] }, AgentRow>('agents_inserted').read(
  sql`select ${agentColumns} from ${agents} where id = any(${param('ids', 'uuid[]')}) order by array_position(${param('ids', 'uuid[]')}, id)`,
)

const insertAgentRows = insertRows('agent_insert', agents, [
  'id',
  'companyId',
  'name',
  'urlKey',
  'status',
  'role',
  'title',
  'icon',
  'reportsTo',
  'capabilities',
  'adapterType',
  'adapterConfig',
  'runtimeConfig',
  'permissions',
  'metadata',
])

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
    adapterConfig: normalizeAdapterConfig(withDesiredSkills(input) ?? {}),
    runtimeConfig: input.runtimeConfig ?? {},
    budgetMonthlyCents: input.budgetMonthlyCents ?? 0,
    permissions: { canCreateAgents: input.permissions?.canCreateAgents ?? role === 'ceo' },
    metadata: input.metadata ?? null,
  }
}

/** A new agent. Its id is chosen before, so that others of the same batch may report to it. */
export interface NewAgent {
  readonly id: string
  readonly input: CreateAgent
  /** The shortname that it had elsewhere. */
  readonly urlKey?: string
}

/**
 * (tx) Inserts agents under free names, as members of the company that may assign tasks. Locks the company.
 * @param newAgents managers first: an agent reports to one of the company or to an earlier one of these
 * @param status `idle`, or `pending_approval` for a hire that the board has not decided yet
 * @returns the rows, in the order of `newAgents`
 * @throws Refusal `company_not_active`, `unknown_reference` for a manager, `unprocessable` beyond the limit
 */
export async function insertAgents(
  tx: Tx,
  ctx: Ctx,
  newAgents: readonly NewAgent[],
  status: 'idle' | 'pending_approval',
): Promise<AgentRow[]> {
  if (newAgents.length === 0) return []
  const companyId = companyOf(ctx)
  await lockUnarchivedCompany(tx, companyId)
  const usedNames = await namesInUse(tx, companyId, null)
  if (usedNames.urlKeys.size + newAgents.length > MAX_AGENTS)
    refuse('unprocessable', { message: `A company has at most ${MAX_AGENTS} agents` })
  const newIds = new Set<string>()
  const managerIds = new Set<string>()
  const rows = newAgents.map(({ id, input, urlKey: wanted }) => {
    if (input.reportsTo && !newIds.has(input.reportsTo)) managerIds.add(input.reportsTo)
    newIds.add(id)
    const name = takeName(input.name, usedNames)
    const urlKey = takeUrlKey(name, id, usedNames, wanted)
    return { ...agentDefaults(input), id, companyId, name, urlKey, status }
  })
  await requireManagers(tx, companyId, managerIds)
  await requireSecretReferences(
    tx,
    companyId,
    rows.map(({ adapterConfig }) => adapterConfig),
  )
  await insertAgentRows(tx, rows)
  await tx.run(insertMemberships, { companyId, agentIds: [...newIds], userId: ctx.actor.kind === 'board' ? ctx.actor.userId : null })
  for (const { id, budgetMonthlyCents } of rows) if (budgetMonthlyCents > 0) setMonthlyBudgetAtEnd(tx, companyId, id, budgetMonthlyCents)
  const inserted = await tx.run(selectAgents, { ids: [...newIds] })
  return inserted.map((agent, at) => ({ ...agent, budgetMonthlyCents: rows[at]?.budgetMonthlyCents ?? 0 }))
}

/** (tx) Inserts one agent. @throws Refusal as `insertAgents` */
export const insertAgent = async (tx: Tx, ctx: Ctx, input: CreateAgent, status: 'idle' | 'pending_approval'): Promise<AgentRow> =>
  exactlyOne(await insertAgents(tx, ctx, [{ id: randomUUID(), input }], status))

/**
 * Creates an idle agent. Only the board calls it; an agent requests a hire instead.
 * @throws Refusal as `insertAgent`; `payload_invalid` for a configuration that no run can use
 */
export async function createAgent(ctx: Ctx, input: CreateAgent, checks: ConfigurationChecks) {
  requireNoRedacted(input, configurationFields)
  requireUsableConfig(input)
  const warnings = await warningsOfConfig(ctx, checks, input)
  return await mutate(ctx, async (tx) => {
    const agent = await insertAgent(tx, ctx, input, 'idle')
    const { name, role, adapterType, reportsTo } = agent
    return changed(withWarnings(agent, warnings), agentCreated(agent.id, { name, role, adapterType, reportsTo }, { agentId: agent.id }))
  })
}
