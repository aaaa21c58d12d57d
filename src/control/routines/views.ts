import { z } from 'zod'
import { agentView } from '../../org/agents/index.ts'
import { issuePriorities, issueStatus } from '../../model/issueStatus.ts'
import {
  catchUpPolicies,
  concurrencyPolicies,
  routinePauseReasons,
  routineRunSources,
  routineRunStatus,
  routineStatus,
  signingModes,
  triggerKinds,
  variableTypes,
} from '../../model/routineStatus.ts'
import { MAX_EXPRESSION } from '../../platform/cron/index.ts'
import { pageQuery } from '../../platform/kernel/page.ts'
import { instant } from '../../platform/kernel/time.ts'
import { SHOWN_TIMES } from './limits.ts'
import { MAX_VALUE } from './variables.ts'

const id = z.uuid().transform((value) => value.toLowerCase())
const value = z.union([z.string().max(MAX_VALUE), z.number(), z.boolean()])

const variableView = z.strictObject({
  name: z.string(),
  label: z.string().nullable(),
  type: z.enum(variableTypes),
  defaultValue: value.nullable(),
  required: z.boolean(),
  options: z.array(z.string()),
})

const authors = {
  createdByAgentId: z.uuid().nullable(),
  createdByUserId: z.string().nullable(),
  updatedByAgentId: z.uuid().nullable(),
  updatedByUserId: z.string().nullable(),
}

export const routineView = z.strictObject({
  id: z.uuid(),
  companyId: z.uuid(),
  projectId: z.uuid().nullable(),
  goalId: z.uuid().nullable(),
  parentIssueId: z.uuid().nullable(),
  title: z.string(),
  description: z.string().nullable(),
  assigneeAgentId: z.uuid().nullable(),
  priority: z.enum(issuePriorities),
  status: z.enum(routineStatus.statuses),
  pauseReason: z.enum(routinePauseReasons).nullable(),
  concurrencyPolicy: z.enum(concurrencyPolicies),
  catchUpPolicy: z.enum(catchUpPolicies),
  variables: z.array(variableView),
  ...authors,
  lastTriggeredAt: instant.nullable(),
  lastEnqueuedAt: instant.nullable(),
  createdAt: instant,
  updatedAt: instant,
})

export const routineTriggerView = z.strictObject({
  id: z.uuid(),
  companyId: z.uuid(),
  routineId: z.uuid(),
  kind: z.enum(triggerKinds),
  label: z.string().nullable(),
  enabled: z.boolean(),
  cronExpression: z.string().nullable(),
  timezone: z.string().nullable(),
  nextRunAt: instant.nullable(),
  lastFiredAt: instant.nullable(),
  publicId: z.string().nullable(),
  /** The secret of a webhook is no secret of the company, so this names none. */
  secretId: z.null(),
  signingMode: z.enum(signingModes).nullable(),
  replayWindowSec: z.int().nullable(),
  lastRotatedAt: instant.nullable(),
  lastResult: z.string().nullable(),
  ...authors,
  createdAt: instant,
  updatedAt: instant,
})

/** A trigger with the times ahead. */
export const shownTriggerView = z.strictObject({ ...routineTriggerView.shape, nextRunTimes: z.array(instant).max(SHOWN_TIMES) })

const issueRef = z.strictObject({
  id: z.uuid(),
  identifier: z.string(),
  title: z.string(),
  status: z.enum(issueStatus.statuses),
  priority: z.enum(issuePriorities),
  updatedAt: instant,
})

export const routineRunView = z.strictObject({
  id: z.uuid(),
  companyId: z.uuid(),
  routineId: z.uuid(),
  triggerId: z.uuid().nullable(),
  source: z.enum(routineRunSources),
  status: z.enum(routineRunStatus.statuses),
  triggeredAt: instant,
  dueAt: instant.nullable(),
  idempotencyKey: z.string().nullable(),
  /** Any JSON; null for none. */
  triggerPayload: z.unknown(),
  linkedIssueId: z.uuid().nullable(),
  coalescedIntoRunId: z.uuid().nullable(),
  failureReason: z.string().nullable(),
  dispatchFingerprint: z.string().nullable(),
  completedAt: instant.nullable(),
  createdAt: instant,
  updatedAt: instant,
})

export const listedRunView = z.strictObject({
  ...routineRunView.shape,
  linkedIssue: issueRef.nullable(),
  trigger: z.strictObject({ id: z.uuid(), kind: z.enum(triggerKinds), label: z.string().nullable() }).nullable(),
})

export const routineItemView = z.strictObject({
  ...routineView.shape,
  triggers: z.array(routineTriggerView),
  lastRun: routineRunView.nullable(),
  activeIssue: issueRef.nullable(),
})

const projectRef = z.strictObject({
  id: z.uuid(),
  name: z.string(),
  description: z.string().nullable(),
  status: z.string(),
  goalId: z.uuid().nullable(),
})

export const routineDetailView = z.strictObject({
  ...routineView.shape,
  project: projectRef.nullable(),
  assignee: agentView.nullable(),
  parentIssue: issueRef.nullable(),
  triggers: z.array(shownTriggerView),
  recentRuns: z.array(listedRunView),
  activeIssue: issueRef.nullable(),
})

/** The secret of a webhook, shown once. */
const secretMaterial = z.strictObject({ webhookUrl: z.string(), webhookSecret: z.string() })
export const triggerWithSecretView = z.strictObject({ trigger: shownTriggerView, secretMaterial: secretMaterial.nullable() })
export const pausedRoutinesView = z.strictObject({ routineIds: z.array(z.uuid()) })
export const schedulePreviewView = z.strictObject({ nextRunTimes: z.array(instant).max(SHOWN_TIMES) })

const variableBody = z.object({
  name: z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,62}$/, 'Expected letters, digits and underscores'),
  label: z
    .string()
    .trim()
    .max(200)
    .nullish()
    .transform((text) => text ?? null),
  type: z.enum(variableTypes).default('text'),
  defaultValue: value.nullish().transform((given) => given ?? null),
  required: z.boolean().default(true),
  options: z.array(z.string().min(1).max(200)).max(100).default([]),
})

/** The most variables of a routine. */
const MAX_VARIABLES = 50

const fields = {
  title: z.string().trim().min(1).max(200),
  description: z.string().max(100_000).nullish(),
  projectId: id.nullish(),
  goalId: id.nullish(),
  parentIssueId: id.nullish(),
  assigneeAgentId: id.nullish(),
}

export const createRoutineBody = z.object({
  ...fields,
  priority: z.enum(issuePriorities).default('medium'),
  status: z.enum(routineStatus.statuses).default('active'),
  concurrencyPolicy: z.enum(concurrencyPolicies).default('coalesce_if_active'),
  catchUpPolicy: z.enum(catchUpPolicies).default('skip_missed'),
  variables: z.array(variableBody).max(MAX_VARIABLES).default([]),
})
export type CreateRoutine = z.output<typeof createRoutineBody>

export const patchRoutineBody = z.object({
  ...fields,
  title: fields.title.optional(),
  priority: z.enum(issuePriorities).optional(),
  status: z.enum(routineStatus.statuses).optional(),
  concurrencyPolicy: z.enum(concurrencyPolicies).optional(),
  catchUpPolicy: z.enum(catchUpPolicies).optional(),
  variables: z.array(variableBody).max(MAX_VARIABLES).optional(),
})
export type PatchRoutine = z.output<typeof patchRoutineBody>

const label = z.string().trim().max(200).nullish()
const cronExpression = z.string().trim().min(1).max(MAX_EXPRESSION)
const timezone = z.string().trim().min(1).max(64)
const replayWindowSec = z.int().min(30).max(86_400)

export const createTriggerBody = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('schedule'), label, enabled: z.boolean().default(true), cronExpression, timezone: timezone.default('UTC') }),
  z.object({
    kind: z.literal('webhook'),
    label,
    enabled: z.boolean().default(true),
    signingMode: z.enum(signingModes).default('bearer'),
    replayWindowSec: replayWindowSec.default(300),
  }),
  z.object({ kind: z.literal('api'), label, enabled: z.boolean().default(true) }),
])
export type CreateTrigger = z.output<typeof createTriggerBody>

export const patchTriggerBody = z.object({
  label,
  enabled: z.boolean().optional(),
  cronExpression: cronExpression.optional(),
  timezone: timezone.optional(),
  signingMode: z.enum(signingModes).optional(),
  replayWindowSec: replayWindowSec.optional(),
})
export type PatchTrigger = z.output<typeof patchTriggerBody>

export const runRoutineBody = z.object({
  triggerId: id.nullish(),
  payload: z.record(z.string(), z.unknown()).nullish(),
  variables: z.record(z.string(), value.nullable()).nullish(),
  idempotencyKey: z.string().trim().min(1).max(255).nullish(),
  source: z.enum(['manual', 'api']).default('manual'),
})
export type RunRoutine = z.output<typeof runRoutineBody>

export const runsQuery = { limit: z.coerce.number().int().min(1).max(200).default(50), after: pageQuery.after }
export const previewQuery = z.object({ cronExpression, timezone: timezone.default('UTC') })
/** The payload of a webhook: any JSON. */
export const firedBody = z.unknown()
