import { sql } from 'drizzle-orm'
import type { Tx } from '../../platform/db/types.ts'
import { agents } from '../../model/agents.ts'
import { param, statement } from '../../platform/db/statement.ts'
import { refuse } from '../../platform/kernel/errors.ts'

const loadManagerFacts = statement<{ managerId: string; companyId: string; agentId: string }, { found: boolean; cycles: boolean }>(
  'agent_manager',
).read(sql`
  with recursive above as (
    select ${param('managerId', 'uuid')} as id
    union
    select a.reports_to from above join ${agents} a on a.id = above.id where a.reports_to is not null)
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
