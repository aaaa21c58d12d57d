import { sql } from 'drizzle-orm'
import { lockAgents } from '../agents/index.ts'
import type { Ctx } from '../db/context.ts'
import { companyOf } from '../db/context.ts'
import { changed, mutate, unchanged } from '../db/mutate.ts'
import type { Tx } from '../db/mutate.ts'
import { issueApprovals } from '../db/schema/approvals.ts'
import { memberships } from '../db/schema/companies.ts'
import { param, statement } from '../db/statement.ts'
import { invariant, refuse } from '../kernel/errors.ts'
import type { DomainEvent } from '../kernel/event.ts'
import { wakeAgent } from '../wakes/index.ts'
import { agentsTouched, effects } from './effects.ts'
import { approvalApproved, approvalRejected, revisionRequested, wakeupFailed, wakeupQueued } from './events.ts'
import { lockForEffect } from './lock.ts'
import { presented, stepApproval, tagOf } from './row.ts'
import type { ApprovalRow } from './row.ts'
import { approvalStatus } from './status.ts'

export type Verdict = 'approved' | 'rejected' | 'revision_requested'

/** What the board decided, and what it had before its eyes. */
export interface Decision {
  readonly verdict: Verdict
  readonly note: string | null
  /** The entity tag of the approval that was read, where the client sends it. */
  readonly ifMatch: string | null
}

const verdicts = {
  approved: { event: approvalApproved, refusal: 'Only pending or revision-requested approvals can be approved' },
  rejected: { event: approvalRejected, refusal: 'Only pending or revision-requested approvals can be rejected' },
  revision_requested: { event: revisionRequested, refusal: 'Only pending approvals can be sent back for revision' },
} as const

const otherDecider = statement<{ companyId: string; userId: string }, { exists: boolean }>('approval_other_decider').read(sql`
  select exists (select 1 from ${memberships} where company_id = ${param('companyId')} and principal_type = 'user' and status = 'active'
    and principal_id <> ${param('userId', 'text')}) as exists`)

/** Nobody grants what they asked for, as long as there is somebody else who could. Agents decide nothing at all. */
async function demandDecider(tx: Tx, ctx: Ctx, approval: ApprovalRow, userId: string): Promise<void> {
  if (approval.requestedByUserId !== userId) return
  const [other] = await tx.run(otherDecider, { companyId: companyOf(ctx), userId })
  if (other?.exists === true) refuse('own_request')
}

function demandUnchanged(approval: ApprovalRow, ifMatch: string | null): void {
  if (ifMatch === null || ifMatch === tagOf(approval)) return
  refuse('precondition_failed', { message: 'The approval has changed since', beside: { approval: presented(approval) } })
}

const linkedIssues = statement<{ approvalId: string }, { issueId: string }>('approval_linked_ids').read(sql`
  select issue_id as "issueId" from ${issueApprovals} where approval_id = ${param('approvalId')} order by created_at, issue_id`)

/** (tx) Queues a run of the agent that asked, so that it learns of the decision. Expects the agent's row lock. */
async function wakeRequester(tx: Tx, ctx: Ctx, approval: ApprovalRow, verdict: Verdict): Promise<DomainEvent[]> {
  const requesterAgentId = approval.requestedByAgentId
  if (requesterAgentId === null) return []
  const reason = `approval_${verdict}`
  const issueIds = (await tx.run(linkedIssues, { approvalId: approval.id })).map((row) => row.issueId)
  const payload = { approvalId: approval.id, approvalStatus: verdict, issueId: issueIds[0] ?? null, issueIds }
  const woken = await wakeAgent(tx, ctx, { agentId: requesterAgentId, source: 'automation', reason, payload })
  return woken.kind === 'not_woken'
    ? [wakeupFailed(approval.id, { requesterAgentId, reason, why: woken.why })]
    : [wakeupQueued(approval.id, { requesterAgentId, reason, runId: woken.runId, issueIds })]
}

/**
 * Decides on an approval. The decision, its effect, the wake of the requester and the audit of it all commit together,
 * under the approval's row lock (I10). The same decision again finds it made and changes nothing; sent back for
 * revision is no decision, so asking for that twice is refused.
 *
 * @throws Refusal `not_found`, `approval_decided`, `own_request`, `precondition_failed`, and those of the effect
 */
export async function decide(ctx: Ctx, approvalId: string, decision: Decision): Promise<ApprovalRow> {
  const { actor } = ctx
  const { verdict, note, ifMatch } = decision
  invariant(actor.kind === 'board', 'only people decide')
  return await mutate(ctx, async (tx) => {
    const approval = await lockForEffect(tx, ctx, approvalId)
    if (approval.status === verdict && verdict !== 'revision_requested') return unchanged(presented(approval))
    await demandDecider(tx, ctx, approval, actor.userId)
    demandUnchanged(approval, ifMatch)
    if (!approvalStatus.allows(approval.status, verdict))
      refuse('approval_decided', { message: verdicts[verdict].refusal, details: { status: approval.status } })
    await lockAgents(tx, companyOf(ctx), agentsTouched(approval))
    const done = verdict === 'revision_requested' ? { events: [] } : await effects[approval.type][verdict](tx, ctx, approval)
    const decided = await stepApproval(tx, approval, {
      to: verdict,
      note,
      userId: actor.userId,
      payload: done.payload ?? approval.payload,
    })
    const { type, requestedByAgentId, status: previousStatus } = approval
    const said = verdicts[verdict].event(approvalId, { type, requestedByAgentId, previousStatus })
    return changed(presented(decided), said, ...done.events, ...(await wakeRequester(tx, ctx, approval, verdict)))
  })
}
