/** What a vote may be about. */
export const feedbackTargets = ['issue_comment', 'issue_document_revision'] as const

export const feedbackVotes = ['up', 'down'] as const

/** A trace stays here, or waits to be handed on. Nothing in this server hands it on: it knows no address to send one to. */
export const traceStatuses = ['local_only', 'pending'] as const
