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
/** Why a wake gets no run any more. */
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

/** Another run holds the issue, so the wake waits. `runId` names the run that was to start for the wake, if there was one. */
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

/** A caller or a timer requested a run of an agent, and this run covers the request. */
export const runInvoked = event(
  'heartbeat.invoked',
  'run',
  z.object({
    agentId: z.string(),
    issueId: z.string().nullable(),
    source: z.string(),
    triggerDetail: z.string(),
    reason: z.string(),
    /** The run existed already and covers this request too. */
    coalesced: z.boolean(),
  }),
)
