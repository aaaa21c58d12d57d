import type { Ctx, Tx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { changed, pipelined, mutate, unchanged } from '../../platform/db/mutate.ts'
import type { Outcome } from '../../platform/db/mutate.ts'
import {
  callerOf,
  checkedOut,
  holdRefusal,
  decideCheckout,
  labelledIssue,
  lockAndLoadHoldFacts,
  acquireHold,
} from '../../engine/holds/index.ts'
import type { HoldFacts, IssueWithLabels } from '../../engine/holds/index.ts'
import type { IssueStatus } from '../../model/issueStatus.ts'
import { actingRunIdOf } from '../../platform/kernel/actor.ts'
import { refusals, refuse, Refusal } from '../../platform/kernel/errors.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import { requireReservation } from '../../engine/budgets/index.ts'
import { enqueueWake } from '../../engine/wakes/index.ts'
import { behindRival } from './rivals.ts'

/** The message of every 409 of a checkout. The code and `details.reason` name the cause (LOCK_PROTOCOL §4.1). */
const CHECKOUT_CONFLICT = 'Issue checkout conflict'

function checkoutRefusal(refusal: Refusal): Refusal {
  if (refusal.status !== 409) return refusal
  const details = { ...(refusal.details as object), reason: refusals[refusal.code].message }
  return new Refusal(refusal.code, {
    message: CHECKOUT_CONFLICT,
    details,
    ...(refusal.retryAfter === undefined ? {} : { retryAfter: refusal.retryAfter }),
  })
}

/**
 * (tx) Writes the hold that `decideCheckout` has allowed.
 * @param taker the agent that takes the issue, and its run; the run is null when the board assigns the issue
 * @returns the issue as it will be, in progress, and the event of the checkout
 */
export function acquireHoldWithEvent(
  tx: Tx,
  facts: HoldFacts,
  taker: { readonly agentId: string; readonly runId: string | null },
): { issue: Promise<IssueWithLabels>; event: DomainEvent } {
  const { issue: before } = facts
  const { agentId, runId } = taker
  const issue = pipelined(
    acquireHold(tx, { id: before.id, agentId, runId, agentName: facts.agent?.name ?? '', hasLabels: facts.hasLabels }),
  )
  const previousCheckoutRunId = before.checkoutRunId !== runId ? before.checkoutRunId : null
  const previousExecutionRunId = before.executionRunId !== runId ? before.executionRunId : null
  const event = checkedOut(
    before.id,
    {
      agentId,
      runId,
      lockEpoch: before.lockEpoch + 1,
      ...(previousCheckoutRunId === null ? {} : { previousCheckoutRunId }),
      ...(previousExecutionRunId === null ? {} : { previousExecutionRunId }),
    },
    { agentId, runId },
  )
  return { issue, event }
}

interface CheckoutRequest {
  readonly agentId: string
  readonly expectedStatuses: readonly IssueStatus[]
  /** The amount that the run may cost, in cents, as the request says. */
  readonly reserveCents?: number | undefined
}

/**
 * Takes an issue for one run. Of any number of concurrent checkouts exactly one succeeds (I1). A run that already holds
 * the issue gets the same answer and no second audit row.
 *
 * @param request the agent that takes the issue, and the statuses that the caller accepts
 * @throws Refusal per LOCK_PROTOCOL §4.1; every 409 has the holder and the next step in its details
 */
export async function checkout(ctx: Ctx, issueId: string, request: CheckoutRequest): Promise<IssueWithLabels> {
  const { actor } = ctx
  if (actor.kind === 'agent') {
    if (actor.agentId !== request.agentId) refuse('not_self', { message: 'Agent can only checkout as itself' })
    if (actor.runId === null) refuse('run_required')
  }
  try {
    return await behindRival(ctx, issueId, () => mutate(ctx, (tx) => take(tx, ctx, issueId, request)))
  } catch (error) {
    throw error instanceof Refusal ? checkoutRefusal(error) : error
  }
}

async function take(tx: Tx, ctx: Ctx, issueId: string, request: CheckoutRequest): Promise<Outcome<IssueWithLabels>> {
  const { actor } = ctx
  const facts = await lockAndLoadHoldFacts(tx, ctx, issueId, request.agentId)
  const decision = decideCheckout(facts, callerOf(ctx), request.agentId, request.expectedStatuses)
  switch (decision.kind) {
    case 'refuse':
      throw holdRefusal(decision, facts, actor)
    case 'keep':
      return unchanged(await labelledIssue(tx, companyOf(ctx), issueId))
    case 'take': {
      if (actor.kind === 'agent' && actor.runId !== null && facts.agent?.hasLimits === true)
        await requireReservation(tx, {
          companyId: companyOf(ctx),
          agentId: request.agentId,
          runId: actor.runId,
          issueId,
          requestedCents: request.reserveCents,
          isRequestedByAgent: true,
        })
      const { issue, event } = acquireHoldWithEvent(tx, facts, { agentId: request.agentId, runId: actingRunIdOf(actor) })
      if (actor.kind === 'agent') return changed(issue, event)
      const wake = { agentId: request.agentId, issueId, source: 'assignment', reason: 'issue_checked_out' } as const
      return changed(issue, event, ...(await enqueueWake(tx, ctx, wake)))
    }
  }
}
