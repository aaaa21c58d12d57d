import { z } from 'zod'
import { event } from '../../platform/kernel/event.ts'
import { approvalTypes } from '../../model/approvalStatus.ts'

/** The payload of an approval may hold secrets for the board only, so no event repeats it (I17). */
export const approvalCreated = event(
  'approval.created',
  'approval',
  z.object({ type: z.enum(approvalTypes), issueIds: z.array(z.string()) }),
)
