// A claim: a run takes the next issue it may work on. A checkout takes the issue it names.

import type { Ctx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { changed, pipelined, mutate, unchanged } from '../../platform/db/mutate.ts'
import { requireReservation } from '../../engine/budgets/index.ts'
import { callerOf, holdRefusal, decideCheckout, loadHoldFacts, retryTransaction } from '../../engine/holds/index.ts'
import type { IssueWithLabels } from '../../engine/holds/index.ts'
import { heartbeatContext } from '../../work/issues/index.ts'
import type { IssueStatus } from '../../model/issueStatus.ts'
import { invariant, refuse } from '../../platform/kernel/errors.ts'
import { requireActingRun } from '../../auth/runFacts.ts'
import { acquireHoldWithEvent } from './checkout.ts'
import { lockCandidate } from './claimIssueSearch.ts'

export interface ClaimFilter {
  readonly statuses: readonly IssueStatus[]
  readonly projectId?: string | undefined
  /** The issue has any of these labels. */
  readonly labelIds?: readonly string[] | undefined
  /** Only issues that are assigned to the agent already. */
  readonly assignedOnly: boolean
  /** The amount that the run may cost, in cents, as the request says. */
  readonly reserveCents?: number | undefined
}

export interface ClaimedIssue {
  readonly issue: IssueWithLabels
  readonly heartbeatContext: Awaited<ReturnType<typeof heartbeatContext>>
}

/** Refusals that depend on the caller: another issue would be refused for the same reason. */
const callerRefusals: ReadonlySet<string> = new Set(['agent_not_invokable', 'budget_exhausted', 'company_not_active'])

/**
 * Takes the next issue that the acting run may work on: its agent's own assignments first, then by priority, then by
 * age. Concurrent claims skip each other's candidates and never wait for each other.
 *
 * @returns the issue with the context that the agent needs to start; null when there is nothing to take
 * @throws Refusal `run_required`; `agent_not_invokable`, `budget_exhausted` or `company_not_active` when no issue could be taken
 */
export async function claimIssue(ctx: Ctx, filter: ClaimFilter): Promise<ClaimedIssue | null> {
  const { actor } = ctx
  invariant(actor.kind === 'agent', 'only agents claim')
  const { agentId, runId } = actor
  if (runId === null) return refuse('run_required')
  const companyId = companyOf(ctx)
  const rejectedIds: string[] = []
  return await mutate(ctx, async (tx) => {
    const { statuses, projectId = null, labelIds = null, assignedOnly } = filter
    const search = { companyId, agentId, runId, statuses, projectId, labelIds, rejectedIds }
    const candidate = await lockCandidate(tx, search, assignedOnly)
    if (candidate === undefined) {
      await requireActingRun(tx, ctx)
      return unchanged(null)
    }
    const facts = await loadHoldFacts(tx, ctx, candidate, agentId)
    const decision = decideCheckout(facts, callerOf(ctx), agentId, statuses)
    if (decision.kind === 'refuse') {
      if (callerRefusals.has(decision.code)) throw holdRefusal(decision, facts, actor)
      // The issue changed between the search and the lock. A new transaction searches again, because locks are taken in order.
      rejectedIds.push(candidate.id)
      throw retryTransaction()
    }
    const run = { companyId, agentId, runId, issueId: candidate.id }
    if (facts.agent?.hasLimits === true)
      await requireReservation(tx, { ...run, requestedCents: filter.reserveCents, isRequestedByAgent: true })
    const { issue, event } = acquireHoldWithEvent(tx, facts, { agentId, runId })
    const context = pipelined(heartbeatContext(tx, companyId, candidate.id, null))
    const claimed = Promise.all([issue, context]).then(([takenIssue, issueContext]) => ({
      issue: takenIssue,
      heartbeatContext: issueContext,
    }))
    return changed(pipelined(claimed), event)
  })
}
