import { z } from 'zod'
import { heartbeatContextView, issueStatus, labelledIssueView } from '../issues/index.ts'
import { instant } from '../kernel/time.ts'
import { LEASE_MAX_S, LEASE_MIN_S, runStatus } from '../runs/index.ts'
import { runView } from '../runs/index.ts'

const status = z.enum(issueStatus.statuses)
const id = z.uuid().transform((value) => value.toLowerCase())
const json = z.record(z.string(), z.unknown())

export const checkoutBody = z.object({ agentId: id, expectedStatuses: z.array(status).min(1).max(20) })

export const claimBody = z.object({
  statuses: z.array(status).min(1).max(7).default(['todo']),
  projectId: id.optional(),
  labelIds: z.array(id).min(1).max(50).optional(),
  assignedOnly: z.boolean().default(false),
})
export const claimedView = z.strictObject({ issue: labelledIssueView, heartbeatContext: heartbeatContextView })

const flag = z.enum(['true', '1', 'false', '0', '']).transform((value) => value === 'true' || value === '1')

export const forceReleaseQuery = z.object({ clearAssignee: flag.default(false), dryRun: flag.default(false) })
export const forceReleaseBody = z.object({
  reason: z.string().max(1000).nullish(),
  expectedRunId: id.nullish(),
  cancelRun: z.boolean().optional(),
})
const nullableRun = z.uuid().nullable()
export const forceReleasedView = z.strictObject({
  issue: labelledIssueView,
  previous: z.strictObject({ checkoutRunId: nullableRun, executionRunId: nullableRun }),
  evicted: z.array(z.strictObject({ runId: z.uuid(), agentId: z.uuid(), status: z.enum(runStatus.statuses), live: z.boolean() })),
  cancelledRunIds: z.array(z.uuid()),
})

export const openRunBody = z.object({
  issueId: id.optional(),
  leaseSeconds: z.int().min(LEASE_MIN_S).max(LEASE_MAX_S).optional(),
  externalRunId: z.string().min(1).max(200).optional(),
})
export const openedRunView = z.strictObject({ run: runView, token: z.string(), tokenExpiresAt: instant, leaseExpiresAt: instant })

export const pulseView = z.strictObject({
  leaseExpiresAt: instant,
  commands: z.array(z.strictObject({ type: z.literal('drop_issue'), issueId: z.uuid() })),
  holds: z.array(z.strictObject({ issueId: z.uuid(), identifier: z.string(), lockEpoch: z.int() })),
  revoked: z.array(z.strictObject({ issueId: z.uuid(), identifier: z.string(), revokedAt: instant })),
})

export const finishBody = z.object({
  status: z.enum(['succeeded', 'failed', 'cancelled', 'timed_out']),
  error: z.string().max(10_000).nullish(),
  errorCode: z.string().max(100).nullish(),
  usageJson: json.nullish(),
  resultJson: json.nullish(),
})

export const lockView = z.strictObject({
  issueId: z.uuid(),
  identifier: z.string(),
  title: z.string(),
  issueStatus: status,
  assigneeAgentId: z.uuid().nullable(),
  assigneeUserId: z.string().nullable(),
  checkoutRunId: nullableRun,
  executionRunId: nullableRun,
  heldSince: instant.nullable(),
  lockEpoch: z.int(),
  holder: z
    .strictObject({
      runId: z.uuid(),
      agentId: z.uuid(),
      agentName: z.string(),
      status: z.enum(runStatus.statuses),
      live: z.boolean(),
      leaseExpiresAt: instant,
      lastSeenAt: instant.nullable(),
    })
    .nullable(),
  live: z.boolean(),
  waitingWakes: z.int(),
})

export const lockDetailView = z.strictObject({
  ...lockView.shape,
  history: z.array(
    z.strictObject({
      action: z.string(),
      at: instant,
      actorType: z.enum(['agent', 'user', 'system']),
      actorId: z.string(),
      agentId: z.uuid().nullable(),
      runId: z.uuid().nullable(),
      details: json,
    }),
  ),
})
