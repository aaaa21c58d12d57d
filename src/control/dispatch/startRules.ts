import { decideCheckout, otherLiveHolder } from '../../engine/holds/index.ts'
import type { HoldFacts } from '../../engine/holds/index.ts'
import { isClosed } from '../../model/issueStatus.ts'
import type { IssueStatus } from '../../model/issueStatus.ts'
import { COMMENT_REASON, MENTION_REASON, REVIEW_REASON } from '../../engine/wakes/index.ts'
import type { CloseReason } from '../../engine/wakes/index.ts'

/** The decision about the next queued run of an agent. */
export type StartDecision =
  /** It starts and holds the issue. */
  | { readonly kind: 'take' }
  /** It starts without a hold: it answers a mention, or the issue is not ready to be worked on. */
  | { readonly kind: 'withoutHold' }
  /** Another live run holds the issue: the wake waits until that run ends. */
  | { readonly kind: 'wait'; readonly holderRunId: string }
  /** Nothing is left to do. */
  | { readonly kind: 'close'; readonly why: CloseReason }
  /** It stays queued, for a reason that does not concern the issue. */
  | { readonly kind: 'stayQueued' }

/**
 * Statuses that the start of a run moves to `in_progress`. `backlog` is not among them because its work is not planned
 * yet, and `in_review` because a comment must not undo a review: there the run starts without a hold and may check the
 * issue out itself.
 */
const startableStatuses: readonly IssueStatus[] = ['todo', 'blocked']

/**
 * Decides under the locks of issue and runs, by the rules of checkout (LOCK_PROTOCOL §4.1) for the run's own agent.
 * @param facts the facts of the issue, with the queued run as the acting run
 * @param reason the reason of the wake
 */
export function decideStart(facts: HoldFacts, agentId: string, reason: string | null): StartDecision {
  const { issue } = facts
  const isOwn = issue.assigneeAgentId === agentId
  const otherHolder = otherLiveHolder(facts)
  if (reason === MENTION_REASON && (!isOwn || otherHolder !== null)) return { kind: 'withoutHold' }
  // The answer to a question of an agent that no longer has the issue: the run learns of it and takes nothing.
  if (!isOwn && reason?.startsWith('interaction_') === true) return { kind: 'withoutHold' }
  // The reviewer reads and answers; the issue stays with the agent that did the work.
  if (!isOwn && reason === REVIEW_REASON && issue.status === 'in_review') return { kind: 'withoutHold' }
  if (isClosed(issue.status)) return reason === MENTION_REASON ? { kind: 'withoutHold' } : { kind: 'close', why: 'issue_closed' }
  if (!isOwn && (issue.assigneeAgentId !== null || issue.assigneeUserId !== null)) return { kind: 'close', why: 'not_assignee' }
  // A comment does not undo what the agent or the board said by `blocked`: the run answers, and may check the issue out itself.
  if (issue.status === 'blocked' && reason === COMMENT_REASON) return { kind: 'withoutHold' }
  if (issue.status !== 'in_progress' && !startableStatuses.includes(issue.status)) return { kind: 'withoutHold' }
  const decision = decideCheckout(facts, { kind: 'agent', agentId }, agentId, startableStatuses)
  if (decision.kind !== 'refuse') return { kind: 'take' }
  const { code } = decision
  // A comment on an issue that waits for others is heard now, and not when the last of them is done.
  if (code === 'issue_blocked' && reason === COMMENT_REASON) return { kind: 'withoutHold' }
  if (code === 'issue_held') return { kind: 'wait', holderRunId: otherHolder?.id ?? '' }
  if (code === 'issue_blocked' || code === 'project_paused' || code === 'lock_revoked') return { kind: 'close', why: code }
  // An issue in progress without an assignee, as an older row may be. Waiting does not assign it, and other wakes wait behind it.
  return code === 'status_unexpected' ? { kind: 'close', why: 'not_assignee' } : { kind: 'stayQueued' }
}
