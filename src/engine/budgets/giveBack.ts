import { sql } from 'drizzle-orm'
import { budgetPolicies, budgetReservations, budgetStates } from '../../model/budgets.ts'
import { lockingRead } from '../../platform/db/locks.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { Tx } from '../../platform/db/types.ts'

const lockReserved = lockingRead(
  'budget',
  statement<{ runIds: string[] }, { id: string }>('budget_lock_reserved').read(sql`
    select bp.id from ${budgetPolicies} bp
    where bp.id in (select br.policy_id from ${budgetReservations} br where br.run_id = any(${param('runIds', 'uuid[]')}))
    order by bp.id for no key update`),
)

/** (tx) Locks the limits of an agent that is deleted, which go with its row, and those of which its runs have reserved a part. */
export const lockLimitsOfDeleted = lockingRead(
  'budget',
  statement<{ agentId: string; companyId: string; runIds: string[] }, { id: string }>('budget_lock_deleted').read(sql`
    select bp.id from ${budgetPolicies} bp
    where (bp.company_id = ${param('companyId', 'uuid')} and bp.scope_type = 'agent' and bp.scope_id = ${param('agentId', 'uuid')})
      or bp.id in (select br.policy_id from ${budgetReservations} br where br.run_id = any(${param('runIds', 'uuid[]')}))
    order by bp.id for no key update`),
)

const returnReservations = statement<{ runIds: string[] }, { id: string }>('budget_give_back').write(sql`
  with ended as (delete from ${budgetReservations} where run_id = any(${param('runIds', 'uuid[]')}) returning policy_id, window_start, remaining),
  sums as (select policy_id, window_start, sum(remaining) as remaining from ended group by policy_id, window_start)
  update ${budgetStates} bw set reserved = bw.reserved - sums.remaining from sums
  where bw.policy_id = sums.policy_id and bw.window_start = sums.window_start returning bw.policy_id as id`)

/**
 * (tx) Gives back what ended runs have reserved and not spent. It takes the last locks of the transaction. Expects the row locks of the
 * runs, under which alone something is reserved for them.
 */
export async function giveBack(tx: Tx, runIds: readonly string[]): Promise<void> {
  if ((await lockReserved(tx, { runIds: [...runIds] })).length > 0) await tx.run(returnReservations, { runIds: [...runIds] })
}

/** Whether one of the runs has reserved something, in SQL. @param runIds an expression of an array of ids */
export const hasReservations = (runIds: ReturnType<typeof param>) =>
  sql`exists (select 1 from ${budgetReservations} br where br.run_id = any(${runIds}))`
