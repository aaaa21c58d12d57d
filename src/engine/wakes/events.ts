import { z } from 'zod'
import { event } from '../../platform/kernel/event.ts'

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

const closeReasons = [
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
export type CloseReason = (typeof closeReasons)[number]

export const wakeClosed = event(
  'wake.closed',
  'wake',
  z.object({
    agentId: z.string(),
    issueId: z.string(),
    why: z.enum([...closeReasons, 'loop_bound']),
  }),
)

/** Somebody else holds the issue, so the wake waits. A run that was to start for it is named. */
export const wakeDeferred = event(
  'wake.deferred',
  'wake',
  z.object({ agentId: z.string(), issueId: z.string(), runId: z.string().nullable(), holderRunId: z.string() }),
)

/** The run of a wake was lost with its server, and another one is queued in its place. */
export const wakeRetried = event(
  'wake.retried',
  'wake',
  z.object({ agentId: z.string(), issueId: z.string().nullable(), runId: z.string(), retryOfRunId: z.string(), reason: z.string() }),
)

/** Somebody, or a timer, asked for a run of an agent, and this is it. */
export const runInvoked = event(
  'heartbeat.invoked',
  'run',
  z.object({
    agentId: z.string(),
    issueId: z.string().nullable(),
    source: z.string(),
    triggerDetail: z.string(),
    reason: z.string(),
    /** The run was there already, and stands for this wish as well. */
    coalesced: z.boolean(),
  }),
)
