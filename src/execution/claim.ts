import type { Ctx } from '../db/context.ts'
import { companyOf } from '../db/context.ts'
import { changed, later, mutate, unchanged } from '../db/mutate.ts'
import { callerOf, conflict, decideCheckout, gather, startOver } from '../holds/index.ts'
import type { IssueWithLabels } from '../holds/index.ts'
import { heartbeatContext } from '../issues/index.ts'
import type { IssueStatus } from '../issues/index.ts'
import { invariant, refuse } from '../kernel/errors.ts'
import { judgeActingRun } from '../runs/index.ts'
import { takeHold } from './checkout.ts'
import { lockCandidate } from './claimSearch.ts'

export interface ClaimFilter {
  readonly statuses: readonly IssueStatus[]
  readonly projectId?: string | undefined
  /** Any of these. */
  readonly labelIds?: readonly string[] | undefined
  /** Only what is assigned to the agent already. */
  readonly assignedOnly: boolean
}

export interface Claimed {
  readonly issue: IssueWithLabels
  readonly heartbeatContext: Awaited<ReturnType<typeof heartbeatContext>>
}

/** Refusals that are about the asker: another issue would meet the same. */
const aboutAsker: ReadonlySet<string> = new Set(['agent_not_invokable', 'agent_over_budget', 'company_not_active'])

/**
 * Takes the next issue the asking run may work on: its agent's own assignments first, then by priority, then by age.
 * Any number of claimers pass each other without waiting. The issue comes with what the agent needs to start.
 *
 * @returns null when there is nothing to take
 * @throws Refusal when the agent itself may not take anything now
 */
export async function claim(ctx: Ctx, filter: ClaimFilter): Promise<Claimed | null> {
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
      await judgeActingRun(tx, ctx)
      return unchanged(null)
    }
    const facts = await gather(tx, ctx, candidate, agentId)
    const decision = decideCheckout(facts, callerOf(ctx), agentId, statuses)
    if (decision.kind === 'refuse') {
      if (aboutAsker.has(decision.code)) throw conflict(decision, facts, actor)
      // It changed between the look and the lock. The next one is looked for in a new transaction: locks are taken in order.
      passed.push(candidate.id)
      throw startOver()
    }
    const { issue, event } = takeHold(tx, ctx, facts, agentId)
    const context = later(heartbeatContext(tx, companyId, candidate.id, null))
    return changed(later(Promise.all([issue, context]).then(([taken, read]) => ({ issue: taken, heartbeatContext: read }))), event)
  })
}
