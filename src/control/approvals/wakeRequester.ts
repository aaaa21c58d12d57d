import { sql } from 'drizzle-orm'
import { lockIssue } from '../../engine/holds/index.ts'
import { requestIssueWake, wakeAgent } from '../../engine/wakes/index.ts'
import { issueApprovals } from '../../model/approvals.ts'
import type { ApprovalStatus } from '../../model/approvalStatus.ts'
import { issues } from '../../model/issues.ts'
import { isClosed } from '../../model/issueStatus.ts'
import type { IssueStatus } from '../../model/issueStatus.ts'
import { companyOf } from '../../platform/db/context.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import { wakeupFailed, wakeupQueued } from './events.ts'
import type { ApprovalRow } from './row.ts'

interface LinkedIssue {
  issueId: string
  assigneeAgentId: string | null
  status: IssueStatus
}

const selectLinkedIssues = statement<{ approvalId: string }, LinkedIssue>('approval_linked_ids').read(sql`
  select l.issue_id as "issueId", i.assignee_agent_id as "assigneeAgentId", i.status
  from ${issueApprovals} l join ${issues} i on i.id = l.issue_id where l.approval_id = ${param('approvalId')} order by l.created_at, l.issue_id`)

/** (tx) Reads the issues that an approval is linked to. */
export const linkedIssuesOf = (tx: Tx, approvalId: string): Promise<LinkedIssue[]> => tx.run(selectLinkedIssues, { approvalId })

/** The news for the requester: a decision or a comment. */
interface News {
  /** The issues that the approval is linked to, when they are being read already. */
  readonly linked?: Promise<LinkedIssue[]>
  readonly reason: string
  readonly status: ApprovalStatus
  readonly commentId?: string
}

/**
 * (tx) Queues a run of the requesting agent, so that it learns of a decision or a comment: for the first open issue of its own that the approval
 * is linked to, or else for no issue. Expects the agent's row lock.
 */
export async function wakeRequester(tx: Tx, ctx: Ctx, approval: ApprovalRow, news: News): Promise<DomainEvent[]> {
  const { reason, status, commentId } = news
  const agentId = approval.requestedByAgentId
  if (agentId === null) return []
  const linked = await (news.linked ?? linkedIssuesOf(tx, approval.id))
  const own = linked.find((issue) => issue.assigneeAgentId === agentId && !isClosed(issue.status))
  const issueIds = linked.map(({ issueId }) => issueId)
  const issueId = own?.issueId ?? issueIds[0] ?? null
  const wake = {
    agentId,
    source: 'automation',
    reason,
    payload: {
      approvalId: approval.id,
      approvalStatus: status,
      issueId,
      issueIds,
      ...(commentId === undefined ? {} : { approvalCommentId: commentId }),
    },
  } as const
  if (own !== undefined) return await wakeForIssue(tx, ctx, approval.id, { ...wake, issueId: own.issueId })
  const result = await wakeAgent(tx, ctx, wake)
  return result.kind === 'not_woken'
    ? [wakeupFailed(approval.id, { requesterAgentId: agentId, reason, why: result.why })]
    : [wakeupQueued(approval.id, { requesterAgentId: agentId, reason, runId: result.runId, issueIds })]
}

/** (tx) A wake for an issue waits while a run holds the issue, the requester's own one included. */
async function wakeForIssue(
  tx: Tx,
  ctx: Ctx,
  approvalId: string,
  wake: { agentId: string; issueId: string; source: 'automation'; reason: string; payload: { issueIds: string[] } },
): Promise<DomainEvent[]> {
  await lockIssue(tx, companyOf(ctx), wake.issueId)
  const { agentId: requesterAgentId, reason } = wake
  const outcome = await requestIssueWake(tx, ctx, wake)
  if (outcome.kind === 'skipped') {
    const why = outcome.why === 'timer_off' ? 'wake_on_demand_off' : outcome.why
    return [wakeupFailed(approvalId, { requesterAgentId, reason, why })]
  }
  if (outcome.kind === 'closed_as_loop') return [...outcome.events]
  const runId = outcome.kind === 'deferred' ? null : outcome.runId
  const queued = wakeupQueued(approvalId, { requesterAgentId, reason, runId, issueIds: wake.payload.issueIds })
  return outcome.kind === 'promoted' ? [queued, outcome.event] : [queued]
}
