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

const whys = [
  'company_not_active',
  'agent_not_invokable',
  'not_assignee',
  'issue_closed',
  'issue_missing',
  'issue_blocked',
  'issue_busy',
  'project_paused',
  'lock_revoked',
] as const
/** Why a wake is no longer worth a run. */
export type WhyClosed = (typeof whys)[number]

export const wakeClosed = event(
  'wake.closed',
  'wake',
  z.object({
    agentId: z.string(),
    issueId: z.string(),
    why: z.enum(whys),
  }),
)

/** Its run was to start, but somebody else holds the issue: it waits again. */
export const wakeDeferred = event(
  'wake.deferred',
  'wake',
  z.object({ agentId: z.string(), issueId: z.string(), runId: z.string(), holderRunId: z.string() }),
)
