import { z } from 'zod'
import { event } from '../../platform/kernel/event.ts'

/** Without the words of the reason, which are between the person and the target. */
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
