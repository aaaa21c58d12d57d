/** The reason of wakes that ask for an answer only: their runs do not take the issue. */
export const MENTION_REASON = 'issue_comment_mentioned'
/** The reason of wakes that a comment caused. A comment does not move an issue that is blocked (LOCK_PROTOCOL §6). */
export const COMMENT_REASON = 'issue_commented'

/** The reason of the wake of an agent that created an issue which its assignee put in review without naming a reviewer. */
export const REVIEW_REASON = 'issue_review_requested'

const ranks: Readonly<Record<string, number>> = { [MENTION_REASON]: 0, [COMMENT_REASON]: 1 }

/**
 * How much a reason lets a run do: only answer, answer and work on what is free, or work. When requests join, the newest reason
 * decides, and none takes from the run what an earlier one gave.
 */
export const rankOfReason = (reason: string): number => ranks[reason] ?? 2
