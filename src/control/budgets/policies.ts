// The board sets limits.

import { sql } from 'drizzle-orm'
import { companyById } from '../../org/companies/index.ts'
import type { CompanyRow } from '../../org/companies/index.ts'
import { agentById } from '../../org/agents/index.ts'
import type { AgentRow } from '../../org/agents/index.ts'
import { crossThresholds, lockPolicy, projectsOfRun } from '../../engine/budgets/index.ts'
import { agents } from '../../model/agents.ts'
import { budgetPolicies, budgetStates, limitOf, warningAt } from '../../model/budgets.ts'
import { companies } from '../../model/companies.ts'
import { costRollups } from '../../model/costs.ts'
import { centsOf, centsSql } from '../../model/money.ts'
import { windowStartSql, WARN_PERCENT } from '../../model/budgetStatus.ts'
import { projects } from '../../model/projects.ts'
import { isUnended, runs } from '../../model/runs.ts'
import { companyOf } from '../../platform/db/context.ts'
import { changed, mutate, unchanged } from '../../platform/db/mutate.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { Ctx, ReadDb, Tx } from '../../platform/db/types.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import { policyOf, writePolicy } from './amounts.ts'
import type { PolicyFields, PolicyKey } from './amounts.ts'
import { agentBudgetUpdated, companyBudgetUpdated, policyUpserted } from './events.ts'
import { policyById } from './queries.ts'
import { lockScope } from './scope.ts'
import type { ScopeRef } from './scope.ts'
import type { PolicyInput } from './views.ts'

const nounOf = { company: 'Company', agent: 'Agent', project: 'Project' } as const

const selectScopeName = statement<{ companyId: string; scopeType: string; scopeId: string }, { name: string }>('budget_scope').read(sql`
  select name from ${companies} where ${param('scopeType', 'text')} = 'company' and id = ${param('scopeId', 'uuid')} and id = ${param('companyId', 'uuid')}
  union all select name from ${agents} where ${param('scopeType', 'text')} = 'agent' and id = ${param('scopeId', 'uuid')} and company_id = ${param('companyId', 'uuid')} and status <> 'terminated'
  union all select name from ${projects} where ${param('scopeType', 'text')} = 'project' and id = ${param('scopeId', 'uuid')} and company_id = ${param('companyId', 'uuid')}`)

/** The name of what a limit is about. @throws Refusal `not_found` for a missing scope and for one of another company */
async function scopeNameOf(db: Pick<ReadDb, 'run'>, companyId: string, { scopeType, scopeId }: ScopeRef): Promise<string> {
  const [row] = await db.run(selectScopeName, { companyId, scopeType, scopeId })
  return row?.name ?? refuse('not_found', { message: `${nounOf[scopeType]} not found` })
}

const fieldsOf = (input: PolicyInput): PolicyFields => ({
  amount: input.amount,
  warnPercent: input.warnPercent,
  hardStopEnabled: input.hardStopEnabled,
  notifyEnabled: input.notifyEnabled,
  isActive: input.isActive && input.amount > 0,
  // 0 says nothing.
  reserveCents: input.reserveCents || null,
})

const isSame = (before: PolicyFields, fields: PolicyFields): boolean =>
  (Object.keys(fields) as (keyof PolicyFields)[]).every((key) => before[key] === fields[key])

/** A policy that was written, and what happened. */
interface WrittenPolicy {
  readonly id: string
  readonly previousAmount: number | null
  readonly events: readonly DomainEvent[]
}

/**
 * (tx) Writes a policy, records it, and records at once what its window has crossed already. Nothing is written where nothing differs.
 * Expects the locks of the scope; it takes the last locks of the transaction.
 */
export async function applyPolicy(tx: Tx, key: PolicyKey, fields: PolicyFields): Promise<WrittenPolicy> {
  const before = await policyOf(tx, key)
  if (before !== null && isSame(before, fields)) return { id: before.id, previousAmount: before.amount, events: [] }
  const policy = await writePolicy(tx, key, fields)
  const { id, ...stored } = policy
  const { scopeType, scopeId, windowKind } = key
  const previousAmount = before?.amount ?? null
  const upserted = policyUpserted(id, { scopeType, scopeId, windowKind, ...stored, previousAmount })
  const fact = await lockPolicy(tx, id)
  const crossed = fact === undefined ? [] : await crossThresholds(tx, key.companyId, fact)
  return { id, previousAmount, events: [upserted, ...crossed] }
}

/** Sets a policy, or changes the one that its scope and window have. An amount of 0 ends it. @throws Refusal `not_found` for its scope */
export async function setPolicy(ctx: Ctx, input: PolicyInput): Promise<Awaited<ReturnType<typeof policyById>>> {
  const companyId = companyOf(ctx)
  const { scopeType, scopeId, windowKind } = input
  return await mutate(ctx, async (tx) => {
    await lockScope(tx, ctx, { scopeType, scopeId })
    await scopeNameOf(tx, companyId, { scopeType, scopeId })
    const { id, events } = await applyPolicy(tx, { companyId, scopeType, scopeId, windowKind }, fieldsOf(input))
    const policy = await policyById(tx, companyId, id)
    const [first, ...rest] = events
    return first === undefined ? unchanged(policy) : changed(policy, first, ...rest)
  })
}

interface TrialFacts {
  /** In microcents: the threshold that is nearly reached is not reached. */
  spent: number
  reservedAmount: number
  runIds: string[]
  agentIds: string[]
}

const scopeOf = (alias: string) => {
  const row = sql.raw(alias)
  return sql`(${row}.company_id = ${param('companyId', 'uuid')} and (${param('scopeType', 'text')} <> 'agent' or ${row}.agent_id = ${param('scopeId', 'uuid')}))`
}
const windowStart = windowStartSql(param('windowKind', 'text'), sql`now()`)

const selectTrial = statement<PolicyKey, TrialFacts>('budget_trial').read(sql`
  select coalesce((select sum(cr.microcents) from ${costRollups} cr where ${scopeOf('cr')} and cr.grain = 'month'
      and (${param('windowKind', 'text')} = 'lifetime' or cr.bucket = ${windowStart})
      and (${param('scopeType', 'text')} <> 'project' or cr.project_id = ${param('scopeId', 'uuid')})), 0)::bigint as spent,
    ${centsSql(sql`coalesce((select bw.reserved from ${budgetPolicies} bp join ${budgetStates} bw on bw.policy_id = bp.id and bw.window_start = ${windowStart}
      where bp.company_id = ${param('companyId', 'uuid')} and bp.scope_type = ${param('scopeType', 'text')} and bp.scope_id = ${param('scopeId', 'uuid')}
        and bp.window_kind = ${param('windowKind', 'text')}), 0)`)} as "reservedAmount",
    coalesce((select json_agg(r.id) from (select r.id from ${runs} r where ${scopeOf('r')} and r.status = 'running' and ${isUnended('r')}
      and (${param('scopeType', 'text')} <> 'project' or ${param('scopeId', 'uuid')} = any(${projectsOfRun('r')})) order by r.id limit 200) r), '[]'::json) as "runIds",
    coalesce((select json_agg(a.id) from (select a.id from ${agents} a where a.company_id = ${param('companyId', 'uuid')} and a.status not in ('paused', 'terminated', 'pending_approval')
      and (${param('scopeType', 'text')} = 'company' or (${param('scopeType', 'text')} = 'agent' and a.id = ${param('scopeId', 'uuid')})) order by a.id limit 200) a), '[]'::json) as "agentIds"`)

/** The effect that a policy would have at once. Nothing is written. @throws Refusal `not_found` for its scope */
export async function tryPolicy(ctx: Ctx, input: PolicyInput) {
  const companyId = companyOf(ctx)
  const { scopeType, scopeId, windowKind, amount } = input
  const { read } = ctx.store
  const scopeName = await scopeNameOf(read, companyId, { scopeType, scopeId })
  const [facts] = await read.run(selectTrial, { companyId, scopeType, scopeId, windowKind })
  const { spent, reservedAmount, runIds, agentIds } = facts ?? { spent: 0, reservedAmount: 0, runIds: [], agentIds: [] }
  const { isActive, hardStopEnabled, notifyEnabled, warnPercent } = fieldsOf(input)
  const observedAmount = centsOf(spent)
  const wouldStop = isActive && hardStopEnabled && spent >= limitOf({ amount })
  return {
    dryRun: true as const,
    scopeName,
    observedAmount,
    reservedAmount,
    remainingAmount: Math.max(0, amount - observedAmount),
    wouldStop,
    wouldWarn: isActive && notifyEnabled && spent >= warningAt({ amount, warnPercent }),
    runIds: wouldStop ? runIds : [],
    agentIds: wouldStop ? agentIds : [],
  }
}

/** (tx) Sets the amount of a monthly policy and leaves its other fields as they are. */
async function setMonthly(tx: Tx, key: Omit<PolicyKey, 'windowKind'>, amount: number): Promise<Omit<WrittenPolicy, 'id'>> {
  const monthly = { ...key, windowKind: 'calendar_month_utc' } as const
  const before = await policyOf(tx, monthly)
  const defaults = { warnPercent: WARN_PERCENT, hardStopEnabled: true, notifyEnabled: true, reserveCents: null }
  const { warnPercent, hardStopEnabled, notifyEnabled, reserveCents } = before ?? defaults
  if (before === null && amount === 0) return { previousAmount: null, events: [] }
  return await applyPolicy(tx, monthly, { warnPercent, hardStopEnabled, notifyEnabled, reserveCents, amount, isActive: amount > 0 })
}

/** Sets what a company may spend in a month; 0 is no limit. */
export async function setCompanyBudget(ctx: Ctx, amount: number): Promise<CompanyRow> {
  const companyId = companyOf(ctx)
  return await mutate(ctx, async (tx) => {
    await lockScope(tx, ctx, { scopeType: 'company', scopeId: companyId })
    const { previousAmount, events } = await setMonthly(tx, { companyId, scopeType: 'company', scopeId: companyId }, amount)
    const company = await companyById(tx, companyId)
    if (events.length === 0) return unchanged(company)
    const details = { budgetMonthlyCents: amount, previousCents: previousAmount ?? 0 }
    return changed(company, companyBudgetUpdated(companyId, details), ...events)
  })
}

/**
 * (tx) Sets what an agent may spend in a month; 0 is no limit. Expects the agent's row lock.
 * @returns the agent as it then is, and the events: none where nothing differs
 */
export async function setAgentMonthly(
  tx: Tx,
  agent: AgentRow,
  amount: number,
): Promise<{ agent: AgentRow; events: readonly DomainEvent[] }> {
  const { companyId, id } = agent
  const { events } = await setMonthly(tx, { companyId, scopeType: 'agent', scopeId: id }, amount)
  if (events.length === 0) return { agent, events: [] }
  const details = { budgetMonthlyCents: amount, previousCents: agent.budgetMonthlyCents }
  const after = (await agentById(tx, companyId, id)) ?? refuse('not_found', { message: 'Agent not found' })
  return { agent: after, events: [agentBudgetUpdated(id, details, { agentId: id }), ...events] }
}
