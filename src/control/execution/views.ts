import { z } from 'zod'
import { reserveCents } from '../../model/money.ts'
import { LEASE_MAX_S, LEASE_MIN_S, runView } from '../../engine/runs/index.ts'
import { instant } from '../../platform/kernel/time.ts'

const id = z.uuid().transform((value) => value.toLowerCase())
const json = z.record(z.string(), z.unknown())

export const openRunBody = z.object({
  reserveCents: reserveCents.optional(),
  issueId: id.optional(),
  leaseSeconds: z.int().min(LEASE_MIN_S).max(LEASE_MAX_S).optional(),
  externalRunId: z.string().min(1).max(200).optional(),
})

export const openedRunView = z.strictObject({ run: runView, token: z.string(), tokenExpiresAt: instant, leaseExpiresAt: instant })

export const heartbeatResponseView = z.strictObject({
  leaseExpiresAt: instant,
  commands: z.array(
    z.discriminatedUnion('type', [
      z.strictObject({ type: z.literal('drop_issue'), issueId: z.uuid() }),
      z.strictObject({ type: z.literal('stop'), reason: z.literal('budget'), incidentId: z.uuid(), graceSeconds: z.int() }),
    ]),
  ),
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

export const runtimeStateView = z.strictObject({
  agentId: z.uuid(),
  companyId: z.uuid(),
  adapterType: z.string(),
  sessionId: z.string().nullable(),
  stateJson: json,
  lastRunId: z.uuid().nullable(),
  lastRunStatus: z.string().nullable(),
  totalInputTokens: z.int(),
  totalOutputTokens: z.int(),
  totalCachedInputTokens: z.int(),
  totalCostCents: z.int(),
  lastError: z.string().nullable(),
  createdAt: instant,
  updatedAt: instant,
  sessionDisplayId: z.string().nullable(),
  sessionParamsJson: json.nullable(),
})

/** A session that the next run of a task resumes. */
export const taskSessionView = z.strictObject({
  /** Made of agent and task: the same as long as the session of the task is kept. */
  id: z.uuid(),
  companyId: z.uuid(),
  agentId: z.uuid(),
  adapterType: z.string(),
  /** The id of an issue, the name of a task, or `agent` for everything else. */
  taskKey: z.string(),
  sessionId: z.string(),
  sessionDisplayId: z.string(),
  sessionParamsJson: z.null(),
  lastRunId: z.uuid().nullable(),
  lastError: z.string().nullable(),
  createdAt: instant,
  updatedAt: instant,
})
/** The task whose session is deleted; without one all sessions are. */
export const resetSessionBody = z.object({ taskKey: z.string().min(1).max(200).nullable().optional() })
export const resetSessionView = runtimeStateView.extend({ clearedTaskSessions: z.int() })
