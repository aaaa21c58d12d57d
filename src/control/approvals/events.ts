import { z } from 'zod'
import { event } from '../../platform/kernel/event.ts'
import { approvalTypes } from '../../model/approvalStatus.ts'

const type = z.enum(approvalTypes)
const decision = z.object({ type, requestedByAgentId: z.string().nullable(), previousStatus: z.string() })

export const approvalApproved = event('approval.approved', 'approval', decision)
export const approvalRejected = event('approval.rejected', 'approval', decision)
export const revisionRequested = event('approval.revision_requested', 'approval', decision)
export const approvalResubmitted = event('approval.resubmitted', 'approval', z.object({ type, payloadChanged: z.boolean() }))
export const approvalCommentAdded = event('approval.comment_added', 'approval', z.object({ commentId: z.string() }))

export const wakeupQueued = event(
  'approval.requester_wakeup_queued',
  'approval',
  z.object({ requesterAgentId: z.string(), reason: z.string(), runId: z.string().nullable(), issueIds: z.array(z.string()) }),
)
export const wakeupFailed = event(
  'approval.requester_wakeup_failed',
  'approval',
  z.object({ requesterAgentId: z.string(), reason: z.string(), why: z.enum(['agent_not_invokable', 'wake_on_demand_off']) }),
)

export const approvalLinked = event('issue.approval_linked', 'issue', z.object({ approvalId: z.string() }))
export const approvalUnlinked = event('issue.approval_unlinked', 'issue', z.object({ approvalId: z.string() }))
