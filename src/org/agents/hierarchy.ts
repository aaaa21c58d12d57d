import { sql } from 'drizzle-orm'
import type { ReadDb, Tx } from '../../platform/db/types.ts'
import { agents } from '../../model/agents.ts'
import { param, statement } from '../../platform/db/statement.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'

// A look-up for each step: the plan of a join, which is made once, may read all agents at each of a thousand steps.
const loadManagerFacts = statement<{ managerId: string; companyId: string; agentId: string }, { found: boolean; cycles: boolean }>(
  'agent_manager',
).read(sql`
  with recursive above as (
    select ${param('managerId', 'uuid')} as id
    union
    select next.id from above, lateral (select a.reports_to as id from ${agents} a where a.id = above.id offset 0) next where next.id is not null)
  select exists (select 1 from ${agents} where id = ${param('managerId', 'uuid')} and company_id = ${param('companyId', 'uuid')}
      and status <> 'terminated') as found,
    exists (select 1 from above where id = ${param('agentId', 'uuid')}) as cycles`)

/**
 * (tx) Refuses a manager that does not exist or that reports, directly or indirectly, to the agent itself. Expects the
 * company's row lock: two concurrent changes, each without a cycle, could close one together.
 * @throws Refusal `unknown_reference`, `reporting_cycle`
 */
export async function requireManager(tx: Tx, companyId: string, agentId: string, managerId: string): Promise<void> {
  if (agentId === managerId) refuse('reporting_cycle', { message: 'Agent cannot report to itself' })
  const [row] = await tx.run(loadManagerFacts, { managerId, companyId, agentId })
  if (row?.found !== true) refuse('unknown_reference', { message: 'Manager not found' })
  if (row.cycles) refuse('reporting_cycle')
}

const countManagers = statement<{ ids: string[]; companyId: string }, { count: number }>('agent_managers').read(sql`
  select count(*)::int as count from ${agents}
  where id = any(${param('ids', 'uuid[]')}) and company_id = ${param('companyId', 'uuid')} and status <> 'terminated'`)

/** (tx) As `requireManager` for new agents, to which no agent reports yet. Expects the company's row lock. @throws Refusal `unknown_reference` */
export async function requireManagers(tx: Tx, companyId: string, managerIds: ReadonlySet<string>): Promise<void> {
  if (managerIds.size === 0) return
  const { count } = exactlyOne(await tx.run(countManagers, { ids: [...managerIds], companyId }))
  if (count !== managerIds.size) refuse('unknown_reference', { message: 'Manager not found' })
}

const findAbove = statement<{ companyId: string; agentId: string; managerId: string }, { isAbove: boolean }>('agent_is_above').read(sql`
  with recursive above as (
    select a.reports_to as id, 1 as height from ${agents} a where a.id = ${param('agentId', 'uuid')} and a.company_id = ${param('companyId', 'uuid')}
    union all
    select next.id, above.height + 1 from above, lateral (select a.reports_to as id from ${agents} a where a.id = above.id offset 0) next
    where above.height < 50 and above.id is not null)
  select exists (select 1 from above where id = ${param('managerId', 'uuid')}) as "isAbove"`)

/** Whether an agent is above another one in its chain of command, of which 50 managers count. */
export const isManagerOf = async (db: Pick<ReadDb, 'run'>, companyId: string, managerId: string, agentId: string): Promise<boolean> =>
  exactlyOne(await db.run(findAbove, { companyId, agentId, managerId })).isAbove
