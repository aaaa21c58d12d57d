// The task `budgets`: whatever a request did or could not do about limits is done within a second, by any server.

import { sql } from 'drizzle-orm'
import { lockCompany } from '../../org/companies/index.ts'
import { hasSoftCrossing, isStopping, warnSoftPoliciesOf } from '../../engine/budgets/index.ts'
import { approvals } from '../../model/approvals.ts'
import { budgetIncidents, budgetPolicies, budgetStates, limitSql, warningSql } from '../../model/budgets.ts'
import { windowStartSql } from '../../model/budgetStatus.ts'
import { lockingRead } from '../../platform/db/locks.ts'
import { changedIfAny, mutate, unchanged } from '../../platform/db/mutate.ts'
import { param, statement } from '../../platform/db/statement.ts'
import { systemCtx } from '../../platform/db/context.ts'
import type { Store, Tx } from '../../platform/db/types.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import { approvalCancelled, cancelApprovals } from '../lifecycle/index.ts'
import { incidentOf, recordCrossings, resolveIncident } from './incidents.ts'
import { lockAgentOf } from './scope.ts'
import { endOverdue, enforceStops, overdueRows, stopOrderRows } from './stop.ts'
import { forEachApart } from './task.ts'

const LIMIT = sql.raw('100')

const hasNone = (threshold: 'soft' | 'hard') => sql`not exists (select 1 from ${budgetIncidents} bi where bi.policy_id = bp.id
  and bi.window_start = bw.window_start and bi.threshold_type = ${sql.raw(`'${threshold}'`)} and bi.policy_revision = bp.revision)`

// An amount that was changed with the configuration of an agent, by an import or by a rollback.
const uncrossedRows = sql`
  select bp.id, bp.company_id as "companyId" from ${budgetPolicies} bp join ${budgetStates} bw on bw.policy_id = bp.id
    and bw.window_start = ${windowStartSql(sql`bp.window_kind`, sql`now()`)}
  where bp.is_active and bp.hard_stop_enabled and ((bw.spent >= ${limitSql(sql`bp.amount`)} and ${hasNone('hard')})
    or (bp.notify_enabled and bw.spent >= ${warningSql(sql`bp.amount`, sql`bp.warn_percent`)} and ${hasNone('soft')}))
  order by bp.company_id, bp.id limit ${LIMIT}`
const uncrossed = statement<object, { id: string; companyId: string }>('budget_uncrossed').read(uncrossedRows)

const softCompanyRows = sql`
  select distinct bp.company_id as "companyId" from ${budgetPolicies} bp where bp.is_active and not bp.hard_stop_enabled and bp.notify_enabled`
const softCompanies = statement<object, { companyId: string }>('budget_soft_companies').read(softCompanyRows)

type EndedWhy = 'limit_changed' | 'spending_corrected' | 'window_ended'

const isLimitChanged = sql`(bp.revision <> bi.policy_revision or not bp.is_active or (bi.threshold_type = 'hard' and not bp.hard_stop_enabled))`

// A scope that the board keeps stopped stays so until the board resumes it.
const overRows = sql`
  select bi.id, bi.company_id as "companyId", case when bi.window_end <= now() then 'window_ended' when ${isLimitChanged} then 'limit_changed'
    else 'spending_corrected' end as why
  from ${budgetIncidents} bi join ${budgetPolicies} bp on bp.id = bi.policy_id
  where bi.status = 'open' and (bi.window_end <= now() or ${isLimitChanged} or (bi.threshold_type = 'hard' and not ${isStopping('bi')}))
  order by bi.created_at, bi.id limit ${LIMIT}`
const over = statement<object, { id: string; companyId: string; why: EndedWhy }>('budget_over').read(overRows)

/** SQL: whether the task may have something to do. */
export const budgetsDue = sql`(${sql.join(
  [uncrossedRows, softCompanyRows, stopOrderRows, overdueRows, overRows].map((rows) => sql`exists (${rows})`),
  sql` or `,
)})`

const lockOpenApproval = lockingRead(
  'approval',
  statement<{ companyId: string; id: string | null }, { id: string }>('budget_lock_approval').read(sql`
    select id from ${approvals} where id = ${param('id', 'uuid')} and company_id = ${param('companyId', 'uuid')}
      and status in ('pending', 'revision_requested') for no key update`),
)

const notes = {
  limit_changed: 'The limit that this is about was changed',
  spending_corrected: 'A correction took what was spent below the limit',
  window_ended: 'The window that this is about is over',
} as const

async function cancel(tx: Tx, open: readonly { id: string }[], why: EndedWhy): Promise<DomainEvent[]> {
  await cancelApprovals(
    tx,
    open.map(({ id }) => id),
    notes[why],
  )
  return open.map(({ id }) => approvalCancelled(id, { type: 'budget_override_required', agentId: null, why }))
}

/** Ends an incident that has no reason any more, and resumes what it has paused. */
async function end(store: Store, { id, companyId, why }: { id: string; companyId: string; why: EndedWhy }): Promise<void> {
  const ctx = systemCtx(store, companyId, 'budgets')
  await mutate(ctx, async (tx) => {
    await lockCompany(tx, companyId)
    const { approvalId, scopeType, scopeId } = await incidentOf(tx, companyId, id)
    const open = await lockOpenApproval(tx, { companyId, id: approvalId })
    const agent = scopeType === 'agent' ? await lockAgentOf(tx, companyId, scopeId) : null
    const incident = await incidentOf(tx, companyId, id)
    if (incident.status !== 'open') return unchanged(null)
    const cancelled = await cancel(tx, open, why)
    const resolution = { action: why, amount: null, note: null }
    const events = await resolveIncident(tx, ctx, { incident, scope: { scopeType, scopeId, agent }, resolution })
    return changedIfAny(null, [...events, ...cancelled])
  })
}

async function warnSoftly(store: Store, companyId: string): Promise<void> {
  if (!(await hasSoftCrossing(store.read, companyId))) return
  await mutate(systemCtx(store, companyId, 'budgets'), async (tx) => changedIfAny(null, await warnSoftPoliciesOf(tx, companyId)))
}

/**
 * Records thresholds that are crossed, carries out the orders to stop, ends the runs whose grace is over, and ends the incidents whose limit was changed, whose
 * window has turned, or whose spending was corrected to less than the limit.
 * @throws AggregateError with the failures, after everything else was done
 */
export async function tickBudgets(store: Store): Promise<void> {
  const failures = [
    ...(await forEachApart(await store.read.run(uncrossed, {}), ({ id, companyId }) =>
      mutate(systemCtx(store, companyId, 'budgets'), async (tx) => changedIfAny(null, await recordCrossings(tx, companyId, id))),
    )),
    ...(await forEachApart(await store.read.run(softCompanies, {}), ({ companyId }) => warnSoftly(store, companyId))),
    ...(await enforceStops(store)),
    ...(await endOverdue(store)),
    ...(await forEachApart(await store.read.run(over, {}), (incident) => end(store, incident))),
  ]
  if (failures.length > 0) throw new AggregateError(failures, 'some limits could not be enforced')
}
