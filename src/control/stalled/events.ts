import { z } from 'zod'
import { event } from '../../platform/kernel/event.ts'

/** Work stands still without a reason: the server wakes the agent once, and after that notifies the board. */
export const issueStalled = event(
  'issue.stalled',
  'issue',
  z.object({ agentId: z.string(), identifier: z.string(), act: z.enum(['woken', 'board_notified']) }),
)
