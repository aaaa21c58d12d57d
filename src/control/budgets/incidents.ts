// The end of an incident: the board keeps the scope stopped, or raises the limit; or the limit was changed, its window is over, or its spending was corrected.

import { sql } from 'drizzle-orm'
import { awaitCostWriters, crossThresholds, isStopping, lockPolicy } from '../../engine/budgets/index.ts'
import { budgetIncidents, budgetPolicies } from '../../model/budgets.ts'
import { incidentStatus } from '../../model/budgetStatus.ts'
import type { BudgetThreshold, IncidentStatus } from '../../model/budgetStatus.ts'
import { centsOf } from '../../model/money.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { Ctx, ReadDb, Tx } from '../../platform/db/types.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import type { PolicyFields, PolicyKey } from './amounts.ts'
import { incidentResolved } from './events.ts'
import { applyPolicy } from './policies.ts'
import { resumeScope } from './scope.ts'
import type { LockedScope } from './scope.ts'

/** An incident with its policy as it is. */
export interface IncidentRow extends PolicyKey {
  readonly id: string
  readonly policyId: string
  readonly thresholdType: BudgetThreshold
  readonly status: IncidentStatus
  readonly approvalId: string | null
  readonly policy: PolicyFields
}

const columns = sql`bi.id, bi.company_id as "companyId", bi.policy_id as "policyId", bi.scope_type as "scopeType", bi.scope_id as "scopeId",
  bi.window_kind as "windowKind", bi.threshold_type as "thresholdType", bi.status, bi.approval_id as "approvalId",
  json_build_object('amount', bp.amount, 'warnPercent', bp.warn_percent, 'hardStopEnabled', bp.hard_stop_enabled, 'notifyEnabled', bp.notify_enabled,
    'isActive', bp.is_active, 'reserveCents', bp.reserve_cents) as policy`

const selectIncident = statement<{ companyId: string; id: string }, IncidentRow>('budget_incident').read(sql`
  select ${columns} from ${budgetIncidents} bi join ${budgetPolicies} bp on bp.id = bi.policy_id
  where bi.company_id = ${param('companyId', 'uuid')} and (bi.id = ${param('id', 'uuid')} or bi.approval_id = ${param('id', 'uuid')})`)

/** An incident by its id or that of its approval. It changes under the locks of its scope only. @throws Refusal `not_found` */
export async function incidentOf(db: Pick<ReadDb, 'run'>, companyId: string, id: string): Promise<IncidentRow> {
  const [row] = await db.run(selectIncident, { companyId, id })
  return row ?? refuse('not_found', { message: 'Budget incident not found' })
}

const setStatus = statement<{ id: string; from: IncidentStatus; to: IncidentStatus }, { id: string }>('budget_resolve').write(sql`
  update ${budgetIncidents} set status = ${param('to', 'text')}, resolved_at = now(), updated_at = now()
  where id = ${param('id', 'uuid')} and status = ${param('from')} returning id`)

/** How an incident ends. */
export interface Resolution {
  readonly action: 'keep_paused' | 'raise_budget_and_resume' | 'limit_changed' | 'spending_corrected' | 'window_ended'
  /** The new limit, in cents; null where it stays. */
  readonly amount: number | null
  readonly note: string | null
}

async function close(tx: Tx, incident: IncidentRow, to: IncidentStatus, { action, amount, note }: Resolution): Promise<DomainEvent> {
  const { id, status, scopeType, scopeId, policyId, thresholdType } = incident
  incidentStatus.transition(status, to)
  exactlyOne(await tx.run(setStatus, { id, from: status, to }))
  const decisionNote = note === null ? {} : { decisionNote: note }
  return incidentResolved(id, { scopeType, scopeId, policyId, thresholdType, status: to, action, amount, ...decisionNote })
}

const otherStop = statement<{ id: string; companyId: string; scopeType: string; scopeId: string }, { exists: boolean }>('budget_other_stop')
  .read(sql`
  select exists (select 1 from ${budgetIncidents} bi where bi.company_id = ${param('companyId', 'uuid')} and bi.scope_type = ${param('scopeType', 'text')}
    and bi.scope_id = ${param('scopeId', 'uuid')} and bi.id <> ${param('id', 'uuid')} and ${isStopping('bi')}) as exists`)

/** (tx) Resumes what an incident has paused, unless another limit of the same scope keeps it stopped. */
async function resumeAfter(tx: Tx, ctx: Ctx, incident: IncidentRow, scope: LockedScope): Promise<DomainEvent[]> {
  if (incident.thresholdType === 'soft') return []
  const { id, companyId, scopeType, scopeId } = incident
  const { exists } = exactlyOne(await tx.run(otherStop, { id, companyId, scopeType, scopeId }))
  return exists ? [] : await resumeScope(tx, ctx, scope)
}

/**
 * (tx) Ends an incident that is open. To raise the limit resumes the scope and wakes for what waits in the same transaction. Expects the locks of the scope, and of the
 * approval where there is one; it takes the last locks of the transaction.
 * @throws Refusal `illegal_transition` for an incident that has ended; `unprocessable` for a limit that is used up already
 */
export async function resolveIncident(
  tx: Tx,
  ctx: Ctx,
  { incident, scope, resolution }: { incident: IncidentRow; scope: LockedScope; resolution: Resolution },
): Promise<DomainEvent[]> {
  const { action, amount } = resolution
  if (action === 'keep_paused') return [await close(tx, incident, 'dismissed', resolution)]
  incidentStatus.transition(incident.status, 'resolved')
  const resumed = await resumeAfter(tx, ctx, incident, scope)
  if (amount === null) return [await close(tx, incident, 'resolved', resolution), ...resumed]
  const raised = await raise(tx, incident, amount)
  return [await close(tx, incident, 'resolved', resolution), ...raised, ...resumed]
}

async function raise(tx: Tx, { id: _, policy, policyId, ...key }: IncidentRow, amount: number): Promise<readonly DomainEvent[]> {
  await awaitCostWriters(tx, key.companyId)
  const before = await lockPolicy(tx, policyId)
  const observed = before === undefined ? 0 : centsOf(before.spent)
  if (amount <= observed || (before !== undefined && before.spent >= amount * 1_000_000))
    refuse('unprocessable', { message: `The new amount must be above what was spent, which is ${observed} cents` })
  const { companyId, scopeType, scopeId, windowKind } = key
  return (await applyPolicy(tx, { companyId, scopeType, scopeId, windowKind }, { ...policy, amount, isActive: true })).events
}

/** (tx) Records what a policy has crossed that is not recorded. */
export async function recordCrossings(tx: Tx, companyId: string, policyId: string): Promise<DomainEvent[]> {
  const fact = await lockPolicy(tx, policyId)
  return fact === undefined ? [] : await crossThresholds(tx, companyId, fact)
}
