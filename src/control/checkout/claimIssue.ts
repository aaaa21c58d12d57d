import type { Ctx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { changed, pipelined, mutate, unchanged } from '../../platform/db/mutate.ts'
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
  /** Any of these. */
  readonly labelIds?: readonly string[] | undefined
  /** Only what is assigned to the agent already. */
  readonly assignedOnly: boolean
}

export interface ClaimedIssue {
  readonly issue: IssueWithLabels
  readonly heartbeatContext: Awaited<ReturnType<typeof heartbeatContext>>
}

/** Refusals that are about the asker: another issue would meet the same. */
const callerRefusals: ReadonlySet<string> = new Set(['agent_not_invokable', 'agent_over_budget', 'company_not_active'])

/**
 * Takes the next issue the asking run may work on: its agent's own assignments first, then by priority, then by age.
 * Any number of claimers pass each other without waiting. The issue comes with what the agent needs to start.
 *
 * @returns null when there is nothing to take
 * @throws Refusal when the agent itself may not take anything now
 */
export async function claimIssue(ctx: Ctx, filter: ClaimFilter): Promise<ClaimedIssue | null> {
  const { actor } = ctx
  invariant(actor.kind === 'agent', 'only agents claim')
  const { agentId, runId } = actor
  if (runId === null) return refuse('run_required')
  const companyId = companyOf(ctx)
  const passed: string[] = []
  return await mutate(ctx, async (tx) => {
    const { statuses, projectId = null, labelIds = null } = filter
    const candidate = await lockCandidate(tx, { companyId, agentId, runId, statuses, projectId, labelIds, passed }, filter.assignedOnly)
    if (candidate === undefined) {
      await requireActingRun(tx, ctx)
      return unchanged(null)
    }
    const facts = await loadHoldFacts(tx, ctx, candidate, agentId)
    const decision = decideCheckout(facts, callerOf(ctx), agentId, statuses)
    if (decision.kind === 'refuse') {
      if (callerRefusals.has(decision.code)) throw holdRefusal(decision, facts, actor)
      // It changed between the look and the lock. The next one is looked for in a new transaction: locks are taken in order.
      passed.push(candidate.id)
      throw retryTransaction()
    }
    const { issue, event } = acquireHoldWithEvent(tx, facts, { agentId, runId })
    const context = pipelined(heartbeatContext(tx, companyId, candidate.id, null))
    return changed(pipelined(Promise.all([issue, context]).then(([taken, read]) => ({ issue: taken, heartbeatContext: read }))), event)
  })
}
