import { z } from 'zod'
import { event } from '../kernel/event.ts'

export const wakePromoted = event(
  'wake.promoted',
  'wake',
  z.object({
    agentId: z.string(),
    issueId: z.string(),
    runId: z.string(),
    reason: z.string(),
  }),
)

export const wakeClosed = event(
  'wake.closed',
  'wake',
  z.object({
    agentId: z.string(),
    issueId: z.string(),
    why: z.enum(['company_not_active', 'agent_not_invokable', 'not_assignee', 'issue_closed']),
  }),
)
