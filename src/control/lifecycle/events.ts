import { z } from 'zod'
import { approvalTypes } from '../../model/approvalStatus.ts'
import { event } from '../../platform/kernel/event.ts'

export const approvalCancelled = event(
  'approval.cancelled',
  'approval',
  z.object({ type: z.enum(approvalTypes), agentId: z.string(), why: z.enum(['agent_terminated', 'agent_deleted']) }),
)
