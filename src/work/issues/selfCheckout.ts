import type { Ctx, Tx } from '../../platform/db/types.ts'
import { checkedOut, holdRefusal, decideCheckout, callerOf, loadHoldFacts, acquireHold } from '../../engine/holds/index.ts'
import type { LockedIssue } from '../../engine/holds/index.ts'
import { actingRunIdOf } from '../../platform/kernel/actor.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'

/**
 * (tx) An agent moves its own issue into `in_progress`: that is a checkout for its run, under the same rules, so that
 * nobody is in progress by their own hand without holding (LOCK_PROTOCOL §4.4).
 *
 * @param issue the issue under its lock, as it is now
 * @returns the event of the hold; none when the run holds it already
 */
export async function checkOutOwnIssue(tx: Tx, ctx: Ctx, issue: LockedIssue, agentId: string): Promise<DomainEvent[]> {
  const runId = actingRunIdOf(ctx.actor)
  if (runId === null) refuse('run_required')
  const facts = await loadHoldFacts(tx, ctx, issue, agentId)
  const decision = decideCheckout(facts, callerOf(ctx), agentId, [issue.status])
  if (decision.kind === 'refuse') throw holdRefusal(decision, facts, ctx.actor)
  if (decision.kind === 'keep') return []
  const hold = await acquireHold(tx, { id: issue.id, agentId, runId, agentName: facts.agent?.name ?? '' })
  return [checkedOut(issue.id, { agentId, runId, lockEpoch: hold.lockEpoch }, { agentId })]
}
