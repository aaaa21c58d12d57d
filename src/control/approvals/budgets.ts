// Decisions of the board about budgets: on an incident, on the approval that asks for it, and on an agent that asks for more.

import { lockAgent, redactAgentFor } from '../../org/agents/index.ts'
import { lockCompany } from '../../org/companies/index.ts'
import { requireOwnMayWrite } from '../../auth/mayWrite.ts'
import { requireActingRun } from '../../auth/runFacts.ts'
import { incidentById, incidentOf, lockAgentOf, resolveIncident, setAgentMonthly } from '../budgets/index.ts'
import type { ResolveIncident } from '../budgets/index.ts'
import { companyOf } from '../../platform/db/context.ts'
import { changedIfAny, mutate, unchanged } from '../../platform/db/mutate.ts'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { invariant } from '../../platform/kernel/errors.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import { approvalStatus } from '../../model/approvalStatus.ts'
import { proposeChange } from './configure.ts'
import type { ConfigureResult } from './configure.ts'
import { approvalApproved, approvalRejected } from './events.ts'
import { reviewOf } from './review.ts'
import { lockApproval, setApprovalStatus } from './row.ts'
import type { ApprovalRow } from './row.ts'

const eventOf = { approved: approvalApproved, rejected: approvalRejected } as const

/** (tx) Records the decision of an incident at the approval that asked for it. One that was decided before is left as it is. */
async function decideWithIncident(
  tx: Tx,
  ctx: Ctx,
  approval: ApprovalRow | null,
  { to, note }: { to: 'approved' | 'rejected'; note: string | null },
): Promise<DomainEvent[]> {
  const { actor } = ctx
  invariant(actor.kind === 'board', 'only people decide')
  if (approval === null || !approvalStatus.allows(approval.status, to)) return []
  const { id, type, requestedByAgentId, status: previousStatus, payload } = approval
  await setApprovalStatus(tx, approval, { to, note, userId: actor.userId, payload, review: reviewOf(approval, null) })
  return [eventOf[to](id, { type, requestedByAgentId, previousStatus })]
}

/**
 * The board ends an incident: it keeps the scope stopped, or raises the limit and resumes the scope in the same transaction. The approval that asked for it
 * is decided with it. To keep what is kept already changes nothing.
 * @throws Refusal `not_found`; `illegal_transition` for an incident that has ended; `unprocessable` for an amount that is spent already
 */
export async function decideIncident(
  ctx: Ctx,
  incidentId: string,
  input: ResolveIncident,
): Promise<Awaited<ReturnType<typeof incidentById>>> {
  const companyId = companyOf(ctx)
  return await mutate(ctx, async (tx) => {
    const { approvalId, scopeType, scopeId } = await incidentOf(tx, companyId, incidentId)
    await lockCompany(tx, companyId)
    const approval = approvalId === null ? null : await lockApproval(tx, companyId, approvalId)
    const agent = scopeType === 'agent' ? await lockAgentOf(tx, companyId, scopeId) : null
    const incident = await incidentOf(tx, companyId, incidentId)
    const { action, amount = null, decisionNote: note = null } = input
    if (action === 'keep_paused' && incident.status === 'dismissed') return unchanged(await incidentById(tx, companyId, incidentId))
    const resolution = { action, amount: action === 'keep_paused' ? null : amount, note }
    const events = await resolveIncident(tx, ctx, { incident, scope: { scopeType, scopeId, agent }, resolution })
    const decided = await decideWithIncident(tx, ctx, approval, { to: action === 'keep_paused' ? 'rejected' : 'approved', note })
    return changedIfAny(await incidentById(tx, companyId, incidentId), [...events, ...decided])
  })
}

/** The limit that an approval sets, as the board was shown it; null in one that an agent asked for by itself. */
const proposedAmountOf = ({ payload }: Pick<ApprovalRow, 'payload'>): number | null => {
  const amount = payload['proposedAmount']
  return typeof amount === 'number' && Number.isInteger(amount) && amount > 0 ? amount : null
}

/** The agent whose limit an approval is about; null for none. */
export function agentOfOverride({ type, payload }: Pick<ApprovalRow, 'type' | 'payload'>): string | null {
  const { scopeType, scopeId } = payload
  return type === 'budget_override_required' && scopeType === 'agent' && typeof scopeId === 'string' ? scopeId : null
}

/**
 * (tx) The effect of a decision on the approval of an incident. Only the incident that names the approval counts, and never what its payload says, so an approval that an
 * agent asks for by itself has no effect. Expects the locks of the company, the approval and the agent.
 */
export async function decideOverride(
  tx: Tx,
  ctx: Ctx,
  approval: ApprovalRow,
  action: 'keep_paused' | 'raise_budget_and_resume',
): Promise<DomainEvent[]> {
  const companyId = companyOf(ctx)
  const incident = await incidentOf(tx, companyId, approval.id).catch(() => null)
  if (incident?.status !== 'open') return []
  const { scopeType, scopeId } = incident
  const agent = scopeType === 'agent' ? await lockAgentOf(tx, companyId, scopeId) : null
  const amount = action === 'keep_paused' ? null : proposedAmountOf(approval)
  return await resolveIncident(tx, ctx, { incident, scope: { scopeType, scopeId, agent }, resolution: { action, amount, note: null } })
}

/** Whether an agent lowers its own budget by an amount. 0 is no limit, so it is above every other one. */
const lowers = (amount: number, before: number): boolean => amount > 0 && (before === 0 || amount < before)

/**
 * Sets what an agent may spend in a month; 0 is no limit. An agent lowers its own; to raise it is a proposal to the board (I21).
 * @throws Refusal `not_found`, `agent_paused` for a run in the grace of its stop; those of `requireActingRun`
 */
export async function setAgentBudget(ctx: Ctx, agentId: string, amount: number): Promise<ConfigureResult> {
  const companyId = companyOf(ctx)
  const { actor } = ctx
  return await mutate<ConfigureResult>(ctx, async (tx) => {
    await lockCompany(tx, companyId)
    const agent = await lockAgent(tx, companyId, agentId)
    await requireActingRun(tx, ctx)
    // A lower limit is another one, whose stop would begin anew: a run that sends no heartbeat would have its grace again and again.
    requireOwnMayWrite(actor, agent)
    const isRaise = amount !== agent.budgetMonthlyCents && !lowers(amount, agent.budgetMonthlyCents)
    if (actor.kind === 'agent' && isRaise) {
      const proposal = { agentId, changes: { budgetMonthlyCents: amount }, rolledBackFromRevisionId: null }
      const { value, events } = await proposeChange(tx, ctx, agent, proposal)
      return changedIfAny({ ...redactAgentFor(actor, agent), approval: await value }, events)
    }
    const set = await setAgentMonthly(tx, agent, amount)
    return changedIfAny(redactAgentFor(actor, set.agent), set.events)
  })
}
