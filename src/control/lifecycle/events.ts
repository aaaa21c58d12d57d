import { z } from 'zod'
import { approvalTypes } from '../../model/approvalStatus.ts'
import { event } from '../../platform/kernel/event.ts'

export const approvalCancelled = event(
  'approval.cancelled',
  'approval',
  z.object({
    type: z.enum(approvalTypes),
    agentId: z.string().nullable(),
    why: z.enum(['agent_terminated', 'agent_deleted', 'project_deleted', 'limit_changed', 'spending_corrected', 'window_ended']),
  }),
)

/** One transaction of a deletion that takes several: how many rows of each table it deleted. The id is that of the company or the agent. */
export const rowsErased = event(
  'deletion.rows_erased',
  'company',
  z.object({ agentId: z.string().nullable(), rows: z.record(z.string(), z.number()) }),
)
