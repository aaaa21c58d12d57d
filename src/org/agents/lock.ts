import { sql } from 'drizzle-orm'
import { lockingRead } from '../../platform/db/locks.ts'
import type { ReadDb, Tx } from '../../platform/db/types.ts'
import { agents } from '../../model/agents.ts'
import { spentThisMonthSql } from '../../model/costs.ts'
import { columnsOf, param, statement } from '../../platform/db/statement.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import type { Instant } from '../../platform/kernel/time.ts'
import type { AgentRole, AgentStatus } from '../../model/agentStatus.ts'

/** An agent's row, under the names of Paperclip's API. */
export interface AgentRow {
  readonly id: string
  readonly companyId: string
  readonly name: string
  readonly urlKey: string
  readonly role: AgentRole
  readonly title: string | null
  readonly icon: string | null
  readonly status: AgentStatus
  readonly reportsTo: string | null
  readonly capabilities: string | null
  readonly adapterType: string
  readonly adapterConfig: Readonly<Record<string, unknown>>
  readonly runtimeConfig: Readonly<Record<string, unknown>>
  readonly budgetMonthlyCents: number
  readonly spentMonthlyCents: number
  readonly pauseReason: string | null
  readonly pausedAt: Instant | null
  readonly permissions: { readonly canCreateAgents: boolean }
  readonly lastHeartbeatAt: Instant | null
  readonly metadata: Readonly<Record<string, unknown>> | null
  readonly createdAt: Instant
  readonly updatedAt: Instant
}

/** The columns of an `AgentRow`. */
export const agentColumns = sql`${columnsOf(agents, ['nextTimerAt', 'isolation'])},
  ${spentThisMonthSql(sql`"agents"."company_id"`, sql`"agents"."id"`)} as "spentMonthlyCents"`

const lockByIds = lockingRead(
  'agent',
  statement<{ ids: string[]; companyId: string }, AgentRow>('lock_agents').read(sql`
    select ${agentColumns} from ${agents} where id = any(${param('ids', 'uuid[]')}) and company_id = ${param('companyId')}
    order by id for no key update`),
)

/** (tx) Locks agents of a company by ascending id. The result leaves out missing and foreign ones. */
export const lockAgents = (tx: Tx, companyId: string, ids: readonly string[]): Promise<AgentRow[]> =>
  ids.length === 0 ? Promise.resolve([]) : lockByIds(tx, { ids: [...ids], companyId })

const lockAllIds = lockingRead(
  'agent',
  statement<{ companyId: string }, { id: string }>('lock_all_agents').read(
    sql`select id from ${agents} where company_id = ${param('companyId')} order by id for no key update`,
  ),
)

/** (tx) Locks every agent of a company, whose number is not limited: of the rows it returns nothing but the ids. */
export const lockAllAgents = async (tx: Tx, companyId: string): Promise<string[]> =>
  (await lockAllIds(tx, { companyId })).map(({ id }) => id)

/** (tx) Locks one agent. @throws Refusal `not_found` for a missing or foreign one */
export async function lockAgent(tx: Tx, companyId: string, id: string): Promise<AgentRow> {
  const [agent] = await lockAgents(tx, companyId, [id])
  if (agent === undefined) refuse('not_found', { message: 'Agent not found' })
  return agent
}

const selectAgent = statement<{ id: string; companyId: string }, AgentRow>('agent_by_id').read(
  sql`select ${agentColumns} from ${agents} where id = ${param('id')} and company_id = ${param('companyId')}`,
)

/** One agent without a lock, with its secrets; null for a missing or foreign one. */
export const agentById = async (db: Pick<ReadDb, 'run'>, companyId: string, id: string): Promise<AgentRow | null> =>
  (await db.run(selectAgent, { id, companyId }))[0] ?? null
