// The amount of a monthly budget is a column of its company or agent, of which a trigger writes the policy: the last lock of a transaction (LOCK_PROTOCOL §8).

import { sql } from 'drizzle-orm'
import { agents } from '../../model/agents.ts'
import { budgetPolicies, costWritersKey } from '../../model/budgets.ts'
import { companies } from '../../model/companies.ts'
import { lockingRead } from '../../platform/db/locks.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { Tx } from '../../platform/db/types.ts'

interface Amounts {
  companyId: string
  ids: string[]
  amounts: number[]
}

const excludeWriters = statement<{ companyId: string }, object>('monthly_budget_exclude_writers').read(
  sql`select pg_advisory_xact_lock(${costWritersKey(param('companyId', 'text'))})`,
)

const lockPolicies = lockingRead(
  'budget',
  statement<Amounts, { id: string }>('monthly_budget_lock').read(sql`
    select id from ${budgetPolicies} where company_id = ${param('companyId', 'uuid')} and scope_id = any(${param('ids', 'uuid[]')})
      and scope_type <> 'project' and window_kind = 'calendar_month_utc' order by id for no key update`),
)

const setAmounts = statement<Amounts, never>('monthly_budget_set').write(sql`
  with given (id, amount) as (select * from unnest(${param('ids', 'uuid[]')}, ${param('amounts', 'int[]')})),
  of_company as (update ${companies} c set budget_monthly_cents = given.amount from given where c.id = given.id and c.id = ${param('companyId', 'uuid')})
  update ${agents} a set budget_monthly_cents = given.amount from given where a.id = given.id and a.company_id = ${param('companyId', 'uuid')}`)

async function setAll(tx: Tx, given: Amounts): Promise<void> {
  // Before the policies are locked: a writer of a cost event holds this lock and then locks them.
  await tx.run(excludeWriters, { companyId: given.companyId })
  await lockPolicies(tx, given)
  await tx.run(setAmounts, given)
}

const amountsOf = new WeakMap<Tx, Map<string, number>>()

/**
 * (tx) Sets what a company or an agent may spend in a month when the body of the transaction is done, because the body may go on to lock agents, issues and
 * runs. The rows that the body reads have the amount of before. Expects the row lock of the company or the agent, or that its row is new.
 */
export function setMonthlyBudgetAtEnd(tx: Tx, companyId: string, scopeId: string, amount: number): void {
  const amounts = amountsOf.get(tx) ?? new Map<string, number>()
  amounts.set(scopeId, amount)
  amountsOf.set(tx, amounts)
  tx.finalChecks.set('monthly budgets', () => setAll(tx, { companyId, ids: [...amounts.keys()], amounts: [...amounts.values()] }))
}
