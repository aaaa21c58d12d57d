/** The kinds of targets that a vote may have. */
export const feedbackTargets = ['issue_comment', 'issue_document_revision'] as const

export const feedbackVotes = ['up', 'down'] as const

/** A trace is kept locally or waits for an export. This server exports none, because it has no address to send one to. */
export const traceStatuses = ['local_only', 'pending'] as const
