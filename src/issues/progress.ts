import type { Ctx } from '../db/context.ts'
import type { Tx } from '../db/mutate.ts'
import { checkedOut, conflict, decideCheckout, callerOf, gather, take } from '../holds/index.ts'
import type { LockedIssue } from '../holds/index.ts'
import { actingRun } from '../kernel/actor.ts'
import { refuse } from '../kernel/errors.ts'
import type { DomainEvent } from '../kernel/event.ts'

/**
 * (tx) An agent moves its own issue into `in_progress`: that is a checkout for its run, under the same rules, so that
 * nobody is in progress by their own hand without holding (lock-protocol §4.4).
 *
 * @param issue the issue under its lock, as it is now
 * @returns the event of the hold; none when the run holds it already
 */
export async function takeByOwnHand(tx: Tx, ctx: Ctx, issue: LockedIssue, agentId: string): Promise<DomainEvent[]> {
  const runId = actingRun(ctx.actor)
  if (runId === null) refuse('run_required')
  const facts = await gather(tx, ctx, issue, agentId)
  const decision = decideCheckout(facts, callerOf(ctx), agentId, [issue.status])
  if (decision.kind === 'refuse') throw conflict(decision, facts, ctx.actor)
  if (decision.kind === 'keep') return []
  const taken = await take(tx, { id: issue.id, agentId, runId, agentName: facts.agent?.name ?? '' })
  return [checkedOut(issue.id, { agentId, runId, lockEpoch: taken.lockEpoch }, { agentId })]
}
