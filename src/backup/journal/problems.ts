/** Why a journal does not vouch for the keys of a backup. */
export const journalProblems = ['missing', 'other_instance', 'damaged', 'other_timeline', 'older', 'stale'] as const
export type JournalProblem = (typeof journalProblems)[number]
