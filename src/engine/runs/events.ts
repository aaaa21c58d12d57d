import { z } from 'zod'
import { event } from '../../platform/kernel/event.ts'
import { runStatus } from '../../model/runStatus.ts'

export const runStarted = event(
  'heartbeat.run_started',
  'run',
  z.object({
    agentId: z.string(),
    issueId: z.string().nullable(),
    externalRunId: z.string().nullable(),
    leaseSeconds: z.number(),
  }),
)

export const runFinished = event(
  'heartbeat.run_finished',
  'run',
  z.object({
    agentId: z.string(),
    status: z.enum(runStatus.statuses),
    previousStatus: z.enum(runStatus.statuses),
    errorCode: z.string().nullable(),
    issueIds: z.array(z.string()),
  }),
)

export const runCancelled = event(
  'heartbeat.cancelled',
  'run',
  z.object({ agentId: z.string(), issueIds: z.array(z.string()), reason: z.string().optional() }),
)

/** Finished runs and wakes beyond their retention were deleted; their audit rows stay. */
export const recordsForgotten = event('retention.records_forgotten', 'company', z.object({ runs: z.int(), wakes: z.int() }))
