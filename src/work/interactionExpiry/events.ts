import { z } from 'zod'
import { event } from '../../platform/kernel/event.ts'

export const interactionExpired = event(
  'issue.thread_interaction_expired',
  'issue',
  z.object({
    interactionId: z.string(),
    interactionKind: z.string(),
    why: z.enum(['superseded_by_comment', 'target_changed', 'target_deleted', 'issue_cancelled']),
    commentId: z.string().optional(),
    documentKey: z.string().optional(),
    revisionId: z.string().optional(),
  }),
)
