import { z } from 'zod'
import { event } from '../../platform/kernel/event.ts'

/** A vote in the audit log. The text of the reason is not recorded, because it is private. */
export const feedbackVoteSaved = event(
  'issue.feedback_vote_saved',
  'issue',
  z.object({
    feedbackVoteId: z.string(),
    feedbackTraceId: z.string(),
    targetType: z.string(),
    targetId: z.string(),
    vote: z.string(),
    hasReason: z.boolean(),
    isShared: z.boolean(),
    previousVote: z.string().nullable(),
  }),
)
