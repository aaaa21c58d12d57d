import { z } from 'zod'
import { agentRoles, agentStatus } from '../../model/agentStatus.ts'
import { instant } from '../../platform/kernel/time.ts'
import { runView } from '../../engine/runs/index.ts'

/** The payload of a wake is put into prompts and environments, which have limits of their own. */
const MAX_PAYLOAD_LENGTH = 16_384

/** Issues that one wake may name beside its own. */
const MAX_LINKED_ISSUES = 100

const id = z.uuid().transform((value) => value.toLowerCase())

export const wakeupBody = z.object({
  source: z.enum(['timer', 'assignment', 'on_demand', 'automation']).default('on_demand'),
  triggerDetail: z.enum(['manual', 'ping', 'callback', 'system']).default('manual'),
  reason: z.string().trim().min(1).max(200).nullish(),
  payload: z
    .looseObject({
      issueId: id.nullish(),
      commentId: id.nullish(),
      taskKey: z.string().trim().min(1).max(200).nullish(),
      resumeFromRunId: id.nullish(),
      approvalId: id.nullish(),
      issueIds: z.array(id).max(MAX_LINKED_ISSUES).nullish(),
    })
    .refine((payload) => JSON.stringify(payload).length <= MAX_PAYLOAD_LENGTH, `must have at most ${MAX_PAYLOAD_LENGTH} characters as JSON`)
    // The server's own list of the requests that this one covers.
    .transform(({ joined: _, ...payload }) => payload)
    .nullish(),
  idempotencyKey: z.string().min(1).max(255).nullish(),
  forceFreshSession: z.boolean().default(false),
})
export type Wakeup = z.output<typeof wakeupBody>

export const skippedView = z.strictObject({
  status: z.literal('skipped'),
  reason: z.enum(['wakeup_skipped', 'issue_execution_deferred']),
  message: z.string(),
  issueId: z.uuid().optional(),
  executionRunId: z.uuid().optional(),
  executionAgentId: z.uuid().optional(),
  executionAgentName: z.string().optional(),
})

/** The run that covers the request, or why there is none. */
export const wokenView = z.union([runView, skippedView])

export const schedulerHeartbeatView = z.strictObject({
  id: z.uuid(),
  companyId: z.uuid(),
  companyName: z.string(),
  companyIssuePrefix: z.string(),
  agentName: z.string(),
  agentUrlKey: z.string(),
  role: z.enum(agentRoles),
  title: z.string().nullable(),
  status: z.enum(agentStatus.statuses),
  adapterType: z.string(),
  /** Seconds; 0 where the timer is off. */
  intervalSec: z.int(),
  heartbeatEnabled: z.boolean(),
  /** The timer wakes the agent in its current state. */
  schedulerActive: z.boolean(),
  lastHeartbeatAt: instant.nullable(),
})
