// A threshold that is crossed becomes one incident; that of a hard limit is the order to stop, and asks the board.

import { randomUUID } from 'node:crypto'
import { sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import { budgetIncidents, budgetPolicies, limitOf, warningAt, warningSql } from '../../model/budgets.ts'
import { windowEndSql, windowStartSql } from '../../model/budgetStatus.ts'
import type { BudgetThreshold } from '../../model/budgetStatus.ts'
import { costRollups } from '../../model/costs.ts'
import { centsOf } from '../../model/money.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { ReadDb, Tx } from '../../platform/db/types.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import { approvalCreated, insertOpenApproval } from '../approvals/index.ts'
import { hardThresholdCrossed, softThresholdCrossed } from './events.ts'
import type { CrossingFact, PolicyFact, Spending } from './facts.ts'

// Behind the lock of the policy, so every run that was granted a part of it has started before the incident is created.
const insertIncident = statement<
  {
    id: string
    companyId: string
    policyId: string
    threshold: BudgetThreshold
    windowStart: string
    windowEnd: string | null
    observed: number
    approvalId: string | null
  },
  { id: string }
>('budget_open_incident').write(sql`
  insert into ${budgetIncidents} (id, company_id, policy_id, scope_type, scope_id, metric, window_kind, window_start, window_end, threshold_type,
    amount_limit, amount_observed, policy_revision, approval_id, created_at)
  select ${param('id', 'uuid')}, ${param('companyId', 'uuid')}, bp.id, bp.scope_type, bp.scope_id, bp.metric, bp.window_kind,
    ${param('windowStart', 'timestamptz')}, ${param('windowEnd', 'timestamptz')}, ${param('threshold', 'text')}, bp.amount, ${param('observed', 'bigint')},
    bp.revision, ${param('approvalId', 'uuid')}, clock_timestamp()
  from ${budgetPolicies} bp where bp.id = ${param('policyId', 'uuid')}
  on conflict (policy_id, window_start, threshold_type, policy_revision) do nothing returning id`)

const detailsOf = (fact: PolicyFact, approvalId: string | null) => ({
  policyId: fact.id,
  scopeType: fact.scopeType,
  scopeId: fact.scopeId,
  windowKind: fact.windowKind,
  windowStart: fact.windowStart,
  amountLimit: fact.amount,
  amountObserved: centsOf(fact.spent),
  approvalId,
})

const asSystem = { actor: { kind: 'system', task: 'budgets' } } as const

async function openIncident(
  tx: Tx,
  companyId: string,
  fact: PolicyFact,
  { threshold, approvalId }: { threshold: BudgetThreshold; approvalId: string | null },
): Promise<DomainEvent[]> {
  const opened = await tx.run(insertIncident, {
    id: randomUUID(),
    companyId,
    policyId: fact.id,
    threshold,
    windowStart: fact.windowStart,
    windowEnd: fact.windowEnd,
    observed: centsOf(fact.spent),
    approvalId,
  })
  const kind = threshold === 'hard' ? hardThresholdCrossed : softThresholdCrossed
  return opened.map(({ id }) => kind(id, detailsOf(fact, approvalId), asSystem))
}

/** The limit that an approval of the override sets: what was spent, and the whole limit once more, in cents. */
const proposedAmount = (fact: PolicyFact): number => Math.min(centsOf(fact.spent) + fact.amount, 2_147_483_647)

async function openHardIncident(tx: Tx, companyId: string, fact: PolicyFact): Promise<DomainEvent[]> {
  const payload = { ...detailsOf(fact, null), windowEnd: fact.windowEnd, proposedAmount: proposedAmount(fact) }
  const { approvalId: _, ...shown } = payload
  const approvalId = await insertOpenApproval(tx, companyId, 'budget_override_required', shown)
  const asked = approvalCreated(approvalId, { type: 'budget_override_required', issueIds: [] }, asSystem)
  return [...(await openIncident(tx, companyId, fact, { threshold: 'hard', approvalId })), asked]
}

/**
 * (tx) Records the thresholds of a hard limit that its window has crossed and that are not recorded. Expects the lock of the policy, so there is one incident for
 * each policy, window, threshold and amount.
 * @param fact as it is with all that was spent
 */
export async function crossThresholds(tx: Tx, companyId: string, fact: CrossingFact): Promise<DomainEvent[]> {
  const events: DomainEvent[] = []
  if (!fact.hasSoftIncident && fact.notifyEnabled && fact.spent >= warningAt(fact))
    events.push(...(await openIncident(tx, companyId, fact, { threshold: 'soft', approvalId: null })))
  if (!fact.hasHardIncident && fact.spent >= limitOf(fact)) events.push(...(await openHardIncident(tx, companyId, fact)))
  return events
}

const beginAnew = statement<{ policyId: string }, { id: string }>('budget_begin_anew').write(sql`
  update ${budgetPolicies} set revision = revision + 1 where id = ${param('policyId', 'uuid')} returning id`)

/**
 * (tx) As `crossThresholds`, for an event. A limit that is crossed again after corrections had taken its window below it stops again, whatever became of the
 * incident of the first time: another revision makes it another threshold.
 * @param fact as it was before the event
 */
export async function crossByEvent(tx: Tx, companyId: string, fact: CrossingFact, microcents: number): Promise<DomainEvent[]> {
  const after = { ...fact, spent: fact.spent + microcents }
  const isAgain = fact.hasHardIncident && fact.spent < limitOf(fact) && after.spent >= limitOf(fact)
  if (!isAgain) return await crossThresholds(tx, companyId, after)
  await tx.run(beginAnew, { policyId: fact.id })
  return await crossThresholds(tx, companyId, { ...after, hasSoftIncident: false, hasHardIncident: false })
}

const present = windowStartSql(sql`bp.window_kind`, sql`now()`)

// A policy that only warns has no exact row, so that events need not wait for each other: it is compared with the rollups.
const softFactsOf = (occurred: SQL, isAbove: SQL): SQL => sql`
  select f.* from (
    select bp.id, bp.scope_type as "scopeType", bp.scope_id as "scopeId", bp.window_kind as "windowKind", ${occurred} as "windowStart",
      ${windowEndSql(sql`bp.window_kind`, occurred)} as "windowEnd", bp.amount, bp.warn_percent as "warnPercent", bp.notify_enabled as "notifyEnabled",
      bp.revision, 0 as reserved, (select coalesce(sum(r.microcents), 0)::bigint from ${costRollups} r
        where r.company_id = bp.company_id and r.grain = 'month' and (bp.window_kind = 'lifetime' or r.bucket = ${occurred})
          and (bp.scope_type <> 'agent' or r.agent_id = bp.scope_id) and (bp.scope_type <> 'project' or r.project_id = bp.scope_id)) as spent
    from ${budgetPolicies} bp
    where bp.company_id = ${param('companyId', 'uuid')} and bp.is_active and not bp.hard_stop_enabled and bp.notify_enabled and ${occurred} = ${present}
      and ${isAbove}
      and not exists (select 1 from ${budgetIncidents} bi where bi.policy_id = bp.id and bi.window_start = ${occurred} and bi.policy_revision = bp.revision)) f
  where f.spent >= ${warningSql(sql`f.amount`, sql`f."warnPercent"`)} order by f.id`

const softPolicies = statement<Spending, PolicyFact>('budget_soft_facts').read(
  softFactsOf(
    windowStartSql(sql`bp.window_kind`, param('occurredAt', 'timestamptz')),
    sql`(bp.scope_type = 'company' or (bp.scope_type = 'agent' and bp.scope_id = ${param('agentId', 'uuid')})
    or (bp.scope_type = 'project' and bp.scope_id = ${param('projectId', 'uuid')}))`,
  ),
)

/** (tx) Records the thresholds of limits that only warn. @param facts of limits that are crossed */
export async function warn(tx: Tx, companyId: string, facts: readonly PolicyFact[]): Promise<DomainEvent[]> {
  const events: DomainEvent[] = []
  for (const fact of facts) events.push(...(await openIncident(tx, companyId, fact, { threshold: 'soft', approvalId: null })))
  return events
}

/**
 * (tx) The limits above an event that only warn, are crossed and have no incident. Two events that are written at once may each see too little; the task
 * `budgets` looks again.
 */
export const crossedSoftPolicies = (tx: Tx, spending: Spending): Promise<PolicyFact[]> => tx.run(softPolicies, spending)

const softPoliciesOfCompany = statement<{ companyId: string }, PolicyFact>('budget_soft_of_company').read(softFactsOf(present, sql`true`))

/** Whether a limit of a company that only warns is crossed and not recorded. */
export const hasSoftCrossing = async (db: Pick<ReadDb, 'run'>, companyId: string): Promise<boolean> =>
  (await db.run(softPoliciesOfCompany, { companyId })).length > 0

/** (tx) Warns of the limits of a company that only warn, as they are now. */
export const warnSoftPoliciesOf = async (tx: Tx, companyId: string): Promise<DomainEvent[]> =>
  await warn(tx, companyId, await tx.run(softPoliciesOfCompany, { companyId }))
