import { callerOf, decideCheckout, holdRefusal, lookAtHold } from '../../engine/holds/index.ts'
import { requireMayWrite } from '../../auth/mayWrite.ts'
import { companyOf } from '../../platform/db/context.ts'
import type { Ctx } from '../../platform/db/types.ts'

// Agents that are woken by one event ask for one issue at once. In the database each would wait for the row lock, with a connection, behind
// those before it, and most of them only to be refused. Here they wait for the one that this process has sent already, and then look.

/** The checkouts of this process that are under way, by company and issue. */
const underWay = new Map<string, Promise<unknown>>()

/**
 * Runs a checkout behind the one of the same issue that is under way in this process, and refuses it without a transaction when that
 * one, or another, has taken the issue meanwhile.
 *
 * @throws Refusal `issue_held`, `lock_revoked`; what `take` throws
 */
export async function behindRival<T>(ctx: Ctx, issueId: string, take: () => Promise<T>): Promise<T> {
  const key = `${companyOf(ctx)} ${issueId}`
  const rival = underWay.get(key)
  if (rival !== undefined) {
    await rival
    await refuseIfTaken(ctx, issueId)
    return await take()
  }
  const taking = take()
  underWay.set(
    key,
    taking.catch(() => {}),
  )
  try {
    return await taking
  } finally {
    underWay.delete(key)
  }
}

/** Refuses an agent early, from facts that were read without a lock. They grant nothing, and all other refusals are left to the checkout itself. */
async function refuseIfTaken(ctx: Ctx, issueId: string): Promise<void> {
  const { actor } = ctx
  // A request with an Idempotency-Key may have its answer already.
  if (actor.kind !== 'agent' || ctx.idempotency !== null) return
  const facts = await lookAtHold(ctx.store.read, { companyId: companyOf(ctx), issueId, actingRunId: actor.runId })
  if (facts?.acting?.live !== true || facts.acting.agentId !== actor.agentId) return
  requireMayWrite(facts.acting)
  const decision = decideCheckout(facts, callerOf(ctx), actor.agentId, [])
  if (decision.kind === 'refuse' && (decision.code === 'issue_held' || decision.code === 'lock_revoked'))
    throw holdRefusal(decision, facts, actor)
}
