// The only writer of the amount of a policy and of its other fields.

import { sql } from 'drizzle-orm'
import { awaitCostWriters } from '../../engine/budgets/index.ts'
import { agents } from '../../model/agents.ts'
import { budgetPolicies } from '../../model/budgets.ts'
import type { BudgetScope, BudgetWindowKind } from '../../model/budgetStatus.ts'
import { companies } from '../../model/companies.ts'
import { nextUpdatedAt } from '../../platform/db/columns.ts'
import { param, statement } from '../../platform/db/statement.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import type { Tx } from '../../platform/db/types.ts'

export interface PolicyKey {
  readonly companyId: string
  readonly scopeType: BudgetScope
  readonly scopeId: string
  readonly windowKind: BudgetWindowKind
}

export interface PolicyFields {
  readonly amount: number
  readonly warnPercent: number
  readonly hardStopEnabled: boolean
  readonly notifyEnabled: boolean
  readonly isActive: boolean
  readonly reserveCents: number | null
}

export interface StoredPolicy extends PolicyFields {
  readonly id: string
}

const isPolicy = sql`company_id = ${param('companyId', 'uuid')} and scope_type = ${param('scopeType')} and scope_id = ${param('scopeId', 'uuid')}
  and window_kind = ${param('windowKind')}`

const selectPolicy = statement<PolicyKey, StoredPolicy>('budget_policy_of').read(sql`
  select id, amount, warn_percent as "warnPercent", hard_stop_enabled as "hardStopEnabled", notify_enabled as "notifyEnabled", is_active as "isActive",
    reserve_cents as "reserveCents" from ${budgetPolicies} where ${isPolicy}`)

/** (tx) The policy of a scope and a window kind, as it is; null where there is none. */
export async function policyOf(tx: Tx, { companyId, scopeType, scopeId, windowKind }: PolicyKey): Promise<StoredPolicy | null> {
  const [row] = await tx.run(selectPolicy, { companyId, scopeType, scopeId, windowKind })
  return row ?? null
}

const setAgentColumn = statement<{ companyId: string; id: string; amount: number }, { id: string }>('budget_agent_column').write(sql`
  update ${agents} set budget_monthly_cents = ${param('amount', 'int')}, updated_at = ${nextUpdatedAt}
  where id = ${param('id', 'uuid')} and company_id = ${param('companyId', 'uuid')} and budget_monthly_cents <> ${param('amount', 'int')} returning id`)

const setCompanyColumn = statement<{ companyId: string; amount: number }, { id: string }>('budget_company_column').write(sql`
  update ${companies} set budget_monthly_cents = ${param('amount', 'int')}, updated_at = ${nextUpdatedAt}
  where id = ${param('companyId', 'uuid')} and budget_monthly_cents <> ${param('amount', 'int')} returning id`)

const upsert = statement<PolicyKey & PolicyFields, StoredPolicy>('budget_upsert').write(sql`
  insert into ${budgetPolicies} as bp (company_id, scope_type, scope_id, window_kind, amount, warn_percent, hard_stop_enabled, notify_enabled, is_active, reserve_cents)
  values (${param('companyId')}, ${param('scopeType')}, ${param('scopeId')}, ${param('windowKind')}, ${param('amount')}, ${param('warnPercent')},
    ${param('hardStopEnabled')}, ${param('notifyEnabled')}, ${param('isActive')}, ${param('reserveCents')})
  on conflict (company_id, scope_type, scope_id, metric, window_kind) do update set amount = excluded.amount, warn_percent = excluded.warn_percent,
    hard_stop_enabled = excluded.hard_stop_enabled, notify_enabled = excluded.notify_enabled, is_active = excluded.is_active,
    reserve_cents = excluded.reserve_cents, updated_at = greatest(now(), bp.updated_at + interval '1 millisecond'),
    revision = bp.revision + (bp.amount <> excluded.amount or bp.hard_stop_enabled <> excluded.hard_stop_enabled or bp.is_active <> excluded.is_active)::int
  returning id, amount, warn_percent as "warnPercent", hard_stop_enabled as "hardStopEnabled", notify_enabled as "notifyEnabled", is_active as "isActive",
    reserve_cents as "reserveCents"`)

/** Whether the amount of a policy is a column of its scope: that of the API's field `budgetMonthlyCents`. */
const isColumn = ({ scopeType, windowKind }: PolicyKey): boolean => scopeType !== 'project' && windowKind === 'calendar_month_utc'

/**
 * (tx) Writes a policy. A policy of 0 is one that is not active. Expects the locks of its scope; it takes the last locks of the transaction (LOCK_PROTOCOL §8).
 */
export async function writePolicy(tx: Tx, key: PolicyKey, fields: PolicyFields): Promise<StoredPolicy> {
  const { companyId, scopeType, scopeId, windowKind } = key
  const isActive = fields.isActive && fields.amount > 0
  const amount = isActive || !isColumn(key) ? fields.amount : 0
  // Before the row of the policy is locked, because a writer of a cost event holds this lock and then locks the row.
  await awaitCostWriters(tx, companyId)
  if (isColumn(key))
    await (scopeType === 'agent'
      ? tx.run(setAgentColumn, { companyId, id: scopeId, amount })
      : tx.run(setCompanyColumn, { companyId, amount }))
  return exactlyOne(await tx.run(upsert, { companyId, scopeType, scopeId, windowKind, ...fields, isActive, amount }))
}
