import { decideCheckout, otherLiveHolder } from '../../engine/holds/index.ts'
import type { HoldFacts } from '../../engine/holds/index.ts'
import { onEnter } from '../../model/issueStatus.ts'
import type { IssueStatus } from '../../model/issueStatus.ts'
import { MENTION_REASON } from '../../engine/wakes/index.ts'
import type { CloseReason } from '../../engine/wakes/index.ts'

/** What becomes of a queued run whose turn has come. */
export type StartDecision =
  /** It starts and holds the issue. */
  | { readonly kind: 'take' }
  /** It starts beside the issue: it is asked for words, or the issue is not up for work. */
  | { readonly kind: 'beside' }
  /** Another live run holds the issue: the wake waits for it. */
  | { readonly kind: 'wait'; readonly holderRunId: string }
  /** There is nothing to do any more. */
  | { readonly kind: 'close'; readonly why: CloseReason }
  /** Not now, for a reason that is not about the issue. */
  | { readonly kind: 'leave' }

/**
 * Statuses that the start of a run moves to `in_progress`. Not `backlog`, which is not to be worked on yet, nor
 * `in_review`, which a comment must not undo: the run starts beside the issue and may take it by its own hand.
 */
const startableStatuses: readonly IssueStatus[] = ['todo', 'blocked']

/**
 * Decides under the locks of issue and runs, by the rules of checkout (lock-protocol §4.1) for the run's own agent.
 * @param facts of the issue, with the queued run as the acting one
 * @param reason of the wake
 */
export function decideStart(facts: HoldFacts, agentId: string, reason: string | null): StartDecision {
  const { issue } = facts
  const isOwn = issue.assigneeAgentId === agentId
  const other = otherLiveHolder(facts)
  if (reason === MENTION_REASON && (!isOwn || other !== null)) return { kind: 'beside' }
  if (onEnter[issue.status].closed) return reason === MENTION_REASON ? { kind: 'beside' } : { kind: 'close', why: 'issue_closed' }
  if (!isOwn && (issue.assigneeAgentId !== null || issue.assigneeUserId !== null)) return { kind: 'close', why: 'not_assignee' }
  if (issue.status !== 'in_progress' && !startableStatuses.includes(issue.status)) return { kind: 'beside' }
  const decision = decideCheckout(facts, { kind: 'agent', agentId }, agentId, startableStatuses)
  if (decision.kind !== 'refuse') return { kind: 'take' }
  const { code } = decision
  if (code === 'issue_held') return { kind: 'wait', holderRunId: other?.id ?? '' }
  if (code === 'issue_blocked' || code === 'project_paused' || code === 'lock_revoked') return { kind: 'close', why: code }
  // In progress and nobody's, as an older row may be: it will not become the agent's by waiting, and others wait behind it.
  return code === 'status_unexpected' ? { kind: 'close', why: 'not_assignee' } : { kind: 'leave' }
}
