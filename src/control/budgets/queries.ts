// Limits as the board sees them: each policy with its window, and the incidents.

import { sql } from 'drizzle-orm'
import type { z } from 'zod'
import { agents } from '../../model/agents.ts'
import { approvals } from '../../model/approvals.ts'
import { budgetIncidents, budgetPolicies, budgetStates, limitSql, warningSql } from '../../model/budgets.ts'
import { windowEndSql, windowStartSql } from '../../model/budgetStatus.ts'
import { companies } from '../../model/companies.ts'
import { costRollups } from '../../model/costs.ts'
import { centsSql } from '../../model/money.ts'
import { projects } from '../../model/projects.ts'
import { companyOf } from '../../platform/db/context.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { Ctx, ReadDb } from '../../platform/db/types.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import type { budgetIncidentView, budgetOverviewView, budgetPolicyView } from './views.ts'

/** The most policies and incidents in one answer. */
const MAX_ROWS = sql.raw('1000')

const start = windowStartSql(sql`bp.window_kind`, sql`now()`)

/** The amount that was spent in the present window: exact where the limit is hard, and by the rollups where it only warns. */
const spent = sql`(case when bp.is_active and bp.hard_stop_enabled then coalesce(bw.spent, 0) else (
  select coalesce(sum(r.microcents), 0)::bigint from ${costRollups} r where r.company_id = bp.company_id and r.grain = 'month'
    and (bp.window_kind = 'lifetime' or r.bucket = ${start})
    and (bp.scope_type <> 'agent' or r.agent_id = bp.scope_id) and (bp.scope_type <> 'project' or r.project_id = bp.scope_id)) end)`

const scopeName = (alias: string) => {
  const row = sql.raw(alias)
  return sql`coalesce(case ${row}.scope_type
    when 'company' then (select c.name from ${companies} c where c.id = ${row}.scope_id)
    when 'agent' then (select a.name from ${agents} a where a.id = ${row}.scope_id)
    else (select p.name from ${projects} p where p.id = ${row}.scope_id) end, '')`
}

const pauseReason = sql`(case bp.scope_type
  when 'company' then (select c.pause_reason from ${companies} c where c.id = bp.scope_id and c.status = 'paused')
  when 'agent' then (select a.pause_reason from ${agents} a where a.id = bp.scope_id and a.status = 'paused')
  else (select p.pause_reason from ${projects} p where p.id = bp.scope_id and p.paused_at is not null) end)`

type Policy = z.input<typeof budgetPolicyView>

const policyRows = sql`
  select f.*, f.id as "policyId", ${centsSql(sql`f.spent`)} as "observedAmount", ${centsSql(sql`f.reserved`)} as "reservedAmount",
    greatest(0, f.amount - ${centsSql(sql`f.spent`)}) as "remainingAmount",
    case when f.amount = 0 then 0 else round(f.spent / (f.amount * 10000.0), 2)::float8 end as "utilizationPercent",
    case when f."isActive" and f."hardStopEnabled" and f.spent >= ${limitSql(sql`f.amount`)} then 'hard_stop'
      when f."isActive" and f.spent >= ${warningSql(sql`f.amount`, sql`f."warnPercent"`)} then 'warning' else 'ok' end as status,
    f."pauseReason" is not null as paused
  from (
    select bp.id, bp.company_id as "companyId", bp.scope_type as "scopeType", bp.scope_id as "scopeId", ${scopeName('bp')} as "scopeName", bp.metric,
      bp.window_kind as "windowKind", bp.amount, bp.warn_percent as "warnPercent", bp.hard_stop_enabled as "hardStopEnabled",
      bp.notify_enabled as "notifyEnabled", bp.is_active as "isActive", bp.reserve_cents as "reserveCents", ${pauseReason} as "pauseReason",
      ${start} as "windowStart", ${windowEndSql(sql`bp.window_kind`, start)} as "windowEnd", ${spent} as spent, coalesce(bw.reserved, 0) as reserved,
      bp.created_at
    from ${budgetPolicies} bp left join ${budgetStates} bw on bw.policy_id = bp.id and bw.window_start = ${start}
    where bp.company_id = ${param('companyId', 'uuid')} and (${param('policyId', 'uuid')} is null or bp.id = ${param('policyId', 'uuid')})) f
  order by f.created_at, f.id limit ${MAX_ROWS}`

const selectPolicies = statement<{ companyId: string; policyId: string | null }, Policy & Record<string, unknown>>('budget_policies').read(
  policyRows,
)

const presentPolicy = (row: Policy & Record<string, unknown>): Policy => {
  const { id: _, spent: _spent, reserved: _reserved, created_at: _created, ...policy } = row
  return policy as Policy
}

/** One policy with its present window. @throws Refusal `not_found` */
export async function policyById(db: Pick<ReadDb, 'run'>, companyId: string, policyId: string): Promise<Policy> {
  const [row] = await db.run(selectPolicies, { companyId, policyId })
  return row === undefined ? refuse('not_found', { message: 'Budget policy not found' }) : presentPolicy(row)
}

type Incident = z.input<typeof budgetIncidentView>

const selectIncidents = statement<{ companyId: string; incidentId: string | null }, Incident>('budget_incidents').read(sql`
  select bi.id, bi.company_id as "companyId", bi.policy_id as "policyId", bi.scope_type as "scopeType", bi.scope_id as "scopeId",
    ${scopeName('bi')} as "scopeName", bi.metric, bi.window_kind as "windowKind", bi.window_start as "windowStart", bi.window_end as "windowEnd",
    bi.threshold_type as "thresholdType", bi.amount_limit as "amountLimit", bi.amount_observed as "amountObserved", bi.status,
    bi.approval_id as "approvalId", (select a.status from ${approvals} a where a.id = bi.approval_id) as "approvalStatus",
    bi.enforced_at as "enforcedAt", bi.resolved_at as "resolvedAt", bi.created_at as "createdAt", bi.updated_at as "updatedAt"
  from ${budgetIncidents} bi where bi.company_id = ${param('companyId', 'uuid')}
    and (bi.id = ${param('incidentId', 'uuid')} or (${param('incidentId', 'uuid')} is null and bi.status = 'open'))
  order by bi.created_at desc, bi.id desc limit ${MAX_ROWS}`)

/** One incident. @throws Refusal `not_found` for a missing one and for one of another company */
export async function incidentById(db: Pick<ReadDb, 'run'>, companyId: string, incidentId: string): Promise<Incident> {
  const [row] = await db.run(selectIncidents, { companyId, incidentId })
  return row ?? refuse('not_found', { message: 'Budget incident not found' })
}

const selectCounts = statement<
  { companyId: string },
  { pausedAgentCount: number; pausedProjectCount: number; pendingApprovalCount: number }
>('budget_overview').read(sql`
  select (select count(*)::int from ${agents} where company_id = ${param('companyId', 'uuid')} and status = 'paused' and pause_reason = 'budget') as "pausedAgentCount",
    (select count(*)::int from ${projects} where company_id = ${param('companyId', 'uuid')} and paused_at is not null and pause_reason = 'budget') as "pausedProjectCount",
    (select count(*)::int from ${approvals} where company_id = ${param('companyId', 'uuid')} and status = 'pending' and type = 'budget_override_required') as "pendingApprovalCount"`)

/** The policies of a company with their present windows, and the incidents that are open. */
export async function readOverview(ctx: Ctx): Promise<z.input<typeof budgetOverviewView>> {
  const companyId = companyOf(ctx)
  const { read } = ctx.store
  const [policies, activeIncidents, [counts]] = await Promise.all([
    read.run(selectPolicies, { companyId, policyId: null }),
    read.run(selectIncidents, { companyId, incidentId: null }),
    read.run(selectCounts, { companyId }),
  ])
  const none = { pausedAgentCount: 0, pausedProjectCount: 0, pendingApprovalCount: 0 }
  return { companyId, policies: policies.map(presentPolicy), activeIncidents, ...(counts ?? none) }
}
