import type { Ctx, Tx } from '../../platform/db/types.ts'
import { checkedOut, holdRefusal, decideCheckout, callerOf, loadHoldFacts, acquireHold, holderRunIds } from '../../engine/holds/index.ts'
import type { LockedIssue } from '../../engine/holds/index.ts'
import { requireReservationAtEnd } from '../../engine/budgets/index.ts'
import { companyOf } from '../../platform/db/context.ts'
import { actingRunIdOf } from '../../platform/kernel/actor.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'

/**
 * (tx) Checks out an issue for the acting run of an agent that moves its own issue into `in_progress`. The rules are those
 * of a checkout, so no agent puts an issue in progress without holding it (LOCK_PROTOCOL §4.4).
 *
 * @param issue the issue as it was read under its lock
 * @returns the event of the hold; none when the run holds the issue already
 * @throws Refusal `run_required`, and of the checkout rules; `budget_exhausted` at the end of the transaction
 */
export async function checkOutOwnIssue(tx: Tx, ctx: Ctx, issue: LockedIssue, agentId: string): Promise<DomainEvent[]> {
  const runId = actingRunIdOf(ctx.actor)
  if (runId === null) refuse('run_required')
  const facts = await loadHoldFacts(tx, ctx, issue, agentId)
  const decision = decideCheckout(facts, callerOf(ctx), agentId, [issue.status])
  if (decision.kind === 'refuse') throw holdRefusal(decision, facts, ctx.actor)
  if (decision.kind === 'keep') return []
  if (facts.agent?.hasLimits === true) requireReservationAtEnd(tx, { companyId: companyOf(ctx), agentId, runId, issueId: issue.id })
  // Its labels are not looked at: only the epoch is needed.
  const hold = await acquireHold(tx, { id: issue.id, agentId, runId, agentName: facts.agent?.name ?? '', hasLabels: false })
  return [checkedOut(issue.id, { agentId, runId, lockEpoch: hold.lockEpoch }, { agentId })]
}

/**
 * (tx) Lets the acting run of an agent that moves the issue that it holds into a project reserve of the limits of that project, as at a checkout.
 * @param issue the issue as it was read under its lock
 * @throws Refusal `budget_exhausted` at the end of the transaction
 */
export function reserveOfProject(tx: Tx, ctx: Ctx, issue: LockedIssue): void {
  const { actor } = ctx
  const runId = actingRunIdOf(actor)
  if (actor.kind !== 'agent' || runId === null || !holderRunIds(issue).includes(runId)) return
  requireReservationAtEnd(tx, { companyId: companyOf(ctx), agentId: actor.agentId, runId, issueId: issue.id })
}
