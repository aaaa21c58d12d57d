import { z } from 'zod'
import { event } from '../../platform/kernel/event.ts'

const runId = z.string().nullable()

export const checkedOut = event(
  'issue.checked_out',
  'issue',
  z.object({
    agentId: z.string(),
    runId,
    lockEpoch: z.number(),
    previousCheckoutRunId: z.string().optional(),
    previousExecutionRunId: z.string().optional(),
  }),
)

export const holdAdopted = event(
  'issue.checkout_lock_adopted',
  'issue',
  z.object({
    previousCheckoutRunId: runId,
    previousExecutionRunId: runId,
    checkoutRunId: z.string(),
    reason: z.enum(['stale_run', 'unowned']),
    lockEpoch: z.number(),
  }),
)

/** Lock columns that named a run were cleared, for the reason `why`. */
export const holdCleared = event(
  'issue.lock_cleared',
  'issue',
  z.object({
    runId,
    why: z.enum(['run_finished', 'dead_holder', 'moved', 'reassigned', 'assignee_deleted']),
    evicted: z.boolean().default(false),
    lockEpoch: z.number(),
  }),
)

export const released = event(
  'issue.released',
  'issue',
  z.object({
    previousCheckoutRunId: runId,
    previousExecutionRunId: runId,
    previousAssigneeAgentId: runId,
    previousAssigneeUserId: z.string().nullable(),
    previousStatus: z.string(),
    lockEpoch: z.number(),
  }),
)

export const forceReleased = event(
  'issue.admin_force_release',
  'issue',
  z.object({
    issueId: z.string(),
    actorUserId: z.string(),
    prevCheckoutRunId: runId,
    prevExecutionRunId: runId,
    clearAssignee: z.boolean(),
    reason: z.string().nullable(),
    prevStatus: z.string(),
    prevAssigneeAgentId: runId,
    evictedRunIds: z.array(z.string()),
    cancelledRunIds: z.array(z.string()),
    lockEpoch: z.number(),
  }),
)
