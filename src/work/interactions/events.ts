import { z } from 'zod'
import { event } from '../../platform/kernel/event.ts'

const interaction = z.object({ interactionId: z.string(), interactionKind: z.string() })

export const interactionCreated = event(
  'issue.thread_interaction_created',
  'issue',
  interaction.extend({ title: z.string().nullable(), continuationPolicy: z.string() }),
)
export const interactionAccepted = event(
  'issue.thread_interaction_accepted',
  'issue',
  interaction.extend({ createdIssueIds: z.array(z.string()), skippedClientKeys: z.array(z.string()) }),
)
export const interactionRejected = event(
  'issue.thread_interaction_rejected',
  'issue',
  interaction.extend({ reason: z.string().nullable() }),
)
export const interactionAnswered = event('issue.thread_interaction_answered', 'issue', interaction.extend({ answers: z.number() }))
