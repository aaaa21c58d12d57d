import { z } from 'zod'
import { reserveCents } from '../../model/money.ts'
import { flag } from '../../http/query.ts'
import { heartbeatContextView, labelledIssueView } from '../../work/issues/index.ts'
import { issueStatus } from '../../model/issueStatus.ts'
import { instant } from '../../platform/kernel/time.ts'
import { runStatus } from '../../model/runStatus.ts'

const status = z.enum(issueStatus.statuses)
const id = z.uuid().transform((value) => value.toLowerCase())
const json = z.record(z.string(), z.unknown())

export const checkoutBody = z.object({
  agentId: id,
  expectedStatuses: z.array(status).min(1).max(20),
  reserveCents: reserveCents.optional(),
})

export const claimBody = z.object({
  reserveCents: reserveCents.optional(),
  statuses: z.array(status).min(1).max(7).default(['todo']),
  projectId: id.optional(),
  labelIds: z.array(id).min(1).max(50).optional(),
  assignedOnly: z.boolean().default(false),
})
export const claimedView = z.strictObject({ issue: labelledIssueView, heartbeatContext: heartbeatContextView })

export const forceReleaseQuery = z.object({ clearAssignee: flag.default(false), dryRun: flag.default(false) })
export const forceReleaseBody = z.object({
  reason: z.string().max(1000).nullish(),
  expectedRunId: id.nullish(),
  cancelRun: z.boolean().optional(),
})
const nullableRunId = z.uuid().nullable()
export const forceReleasedView = z.strictObject({
  issue: labelledIssueView,
  previous: z.strictObject({ checkoutRunId: nullableRunId, executionRunId: nullableRunId }),
  evicted: z.array(z.strictObject({ runId: z.uuid(), agentId: z.uuid(), status: z.enum(runStatus.statuses), live: z.boolean() })),
  cancelledRunIds: z.array(z.uuid()),
  next: z.strictObject({ agentId: z.uuid(), runId: nullableRunId }).nullable(),
})

export const holdView = z.strictObject({
  issueId: z.uuid(),
  identifier: z.string(),
  title: z.string(),
  issueStatus: status,
  projectId: z.uuid().nullable(),
  assigneeAgentId: z.uuid().nullable(),
  assigneeUserId: z.string().nullable(),
  checkoutRunId: nullableRunId,
  executionRunId: nullableRunId,
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
  lastAct: z.strictObject({ action: z.string(), at: instant }).nullable(),
  waitingWakes: z.int(),
  waiting: z.array(z.strictObject({ agentId: z.uuid(), agentName: z.string(), since: instant })),
})

export const holdDetailView = z.strictObject({
  ...holdView.shape,
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
