// The `details` of refusals: what a client may read there, by code.

import { z } from 'zod'
import { issueStatus } from '../model/issueStatus.ts'
import { runStatus } from '../model/runStatus.ts'
import type { RefusalCode } from '../platform/kernel/errors.ts'
import { instant } from '../platform/kernel/time.ts'

/** The next step that a client should take (LOCK_PROTOCOL §7). */
const nextStep = z.enum(['wait', 'pick_other', 'new_run', 'ask_board'])

interface RefusalDetails {
  readonly text: string
  readonly schema: z.ZodType
  /** False where the same code is also sent without details. */
  readonly isAlwaysThere: boolean
  readonly example: unknown
}

const holder = z.strictObject({
  runId: z.uuid(),
  agentId: z.uuid(),
  agentName: z.string(),
  status: z.enum(runStatus.statuses),
  live: z.boolean(),
  leaseExpiresAt: instant,
  lastSeenAt: instant.nullable(),
})

/** As `engine/holds/holdRefusal.ts` makes it. */
const holdDetails = z.looseObject({
  issueId: z.uuid(),
  status: z.enum(issueStatus.statuses),
  assigneeAgentId: z.uuid().nullable(),
  checkoutRunId: z.uuid().nullable(),
  executionRunId: z.uuid().nullable(),
  lockEpoch: z.int(),
  actorAgentId: z.uuid().nullable(),
  actorRunId: z.uuid().nullable(),
  holder: holder.nullable(),
  retryable: z.boolean(),
  retryAfterSeconds: z.int().optional(),
  next: nextStep,
})

const ISSUE = 'a3b1c5d0-6f1e-4c52-9f57-2d1b8f0a7c11'
const AGENT = '5d2f0c1e-8a44-4b0e-9a57-0f6c1d2e3b44'
const OTHER_AGENT = '7e3a1d2f-9b55-4c1f-8b68-1a7d2e3f4c55'
const RUN = '9c4b2e30-ac66-4d20-9c79-2b8e3f405d66'
const OTHER_RUN = 'bd5c3f41-bd77-4e31-8d8a-3c9f40516e77'

const held = {
  text: 'The issue, its holder, and what to do next',
  schema: holdDetails,
  isAlwaysThere: true,
  example: {
    issueId: ISSUE,
    status: 'in_progress',
    assigneeAgentId: OTHER_AGENT,
    checkoutRunId: OTHER_RUN,
    executionRunId: OTHER_RUN,
    lockEpoch: 4,
    actorAgentId: AGENT,
    actorRunId: RUN,
    holder: {
      runId: OTHER_RUN,
      agentId: OTHER_AGENT,
      agentName: 'Ada',
      status: 'running',
      live: true,
      leaseExpiresAt: '2026-11-28T09:35:00.000Z',
      lastSeenAt: '2026-11-28T09:30:00.000Z',
    },
    retryable: true,
    retryAfterSeconds: 60,
    next: 'pick_other',
  },
} as const satisfies RefusalDetails

/** The same where the request may be sent again after a while. */
const waits = { ...held, example: { ...held.example, next: 'wait' } } as const satisfies RefusalDetails

/** The same where only another run can take the issue. */
const { retryAfterSeconds: _, ...revokedExample } = held.example
const revoked = { ...held, example: { ...revokedExample, retryable: false, next: 'new_run' } } as const satisfies RefusalDetails

/** A party that is stopped. An agent has `status`, a company `companyStatus`, or neither is given. */
const stopped = {
  text: 'The state of the agent or the company, and what to do next',
  schema: z.looseObject({ status: z.string().optional(), retryable: z.boolean().optional(), next: nextStep }),
  isAlwaysThere: false,
  example: { status: 'paused', retryable: false, next: 'ask_board' },
} as const satisfies RefusalDetails

const fields = {
  text: 'The fields of the body that are meant',
  schema: z.looseObject({ fields: z.array(z.string()) }),
  isAlwaysThere: false,
  example: { fields: ['adapterConfig'] },
} as const satisfies RefusalDetails

export const refusalDetails: Readonly<Partial<Record<RefusalCode, RefusalDetails>>> = {
  validation_failed: {
    text: 'What is wrong, and where',
    schema: z.array(
      z.looseObject({
        code: z.string(),
        path: z.array(z.union([z.string(), z.int()])),
        message: z.string(),
        expected: z.string().optional(),
        options: z.array(z.unknown()).optional(),
        keys: z.array(z.string()).optional(),
      }),
    ),
    isAlwaysThere: true,
    example: [{ code: 'invalid_type', path: ['title'], message: 'Invalid input: expected string, received undefined', expected: 'string' }],
  },
  issue_held: held,
  issue_assigned: held,
  status_unexpected: held,
  project_paused: held,
  run_ownership: waits,
  release_not_assignee: held,
  release_not_holder: waits,
  lock_revoked: revoked,
  lock_epoch_mismatch: held,
  holder_changed: held,
  checked_out_by_other: {
    ...held,
    text: 'The issue, its holder, and what to do next; for the deletion of a goal, a project or a label the issues that are held',
    schema: z.union([holdDetails, z.strictObject({ issueIds: z.array(z.uuid()) })]),
  },
  run_ended: {
    text: 'The run that has ended, and what to do next',
    schema: z.looseObject({ runStatus: z.string(), retryable: z.boolean(), next: nextStep }),
    isAlwaysThere: true,
    example: { actorAgentId: AGENT, actorRunId: RUN, runStatus: 'timed_out', retryable: false, next: 'new_run' },
  },
  run_outcome_fixed: {
    text: 'The run and the outcome that it has',
    schema: z.strictObject({ runId: z.uuid(), status: z.enum(runStatus.statuses) }),
    isAlwaysThere: true,
    example: { runId: RUN, status: 'succeeded' },
  },
  agent_not_invokable: stopped,
  budget_exhausted: stopped,
  company_not_active: stopped,
  agent_paused: stopped,
  agent_pending: stopped,
  agent_terminated: stopped,
  agent_quarantined: stopped,
  issue_blocked: {
    text: 'The blockers that are not resolved',
    schema: z.looseObject({ unresolvedBlockerIssueIds: z.array(z.uuid()) }),
    isAlwaysThere: true,
    example: { unresolvedBlockerIssueIds: [ISSUE] },
  },
  illegal_transition: {
    text: 'The change of status that is not possible',
    schema: z.strictObject({ machine: z.string(), from: z.string(), to: z.string() }),
    isAlwaysThere: false,
    example: { machine: 'issue', from: 'cancelled', to: 'in_review' },
  },
  approval_decided: {
    text: 'The status that the approval has',
    schema: z.strictObject({ status: z.string() }),
    isAlwaysThere: true,
    example: { status: 'approved' },
  },
  approval_changed: {
    text: 'The hash of the approval as it is; the approval itself stands under `approval`',
    schema: z.strictObject({ payloadHash: z.string() }),
    isAlwaysThere: true,
    example: { payloadHash: 'sha256:5f1c0b' },
  },
  workspace_not_ready: {
    text: 'What stands against closing the workspace, what would be lost, and the `confirmation` of exactly this state',
    schema: z.strictObject({
      state: z.string(),
      blockingReasons: z.array(z.string()),
      warnings: z.array(z.string()),
      confirmation: z.string(),
    }),
    isAlwaysThere: true,
    example: {
      state: 'needs_confirmation',
      blockingReasons: [],
      warnings: ['2 files have changes that are in no commit'],
      confirmation: '5f1c0b',
    },
  },
  approval_required: fields,
  field_not_permitted: fields,
  payload_invalid: fields,
  revision_incomplete: {
    text: 'The keys that are missing or redacted in the revision',
    schema: z.strictObject({ missing: z.array(z.string()), redacted: z.array(z.string()) }),
    isAlwaysThere: false,
    example: { missing: [], redacted: ['adapterConfig.env.API_KEY'] },
  },
  package_invalid: {
    text: 'What is wrong with the package',
    schema: z.strictObject({ errors: z.array(z.string()) }),
    isAlwaysThere: false,
    example: { errors: ['agents/ceo/AGENTS.md: the head is not readable'] },
  },
  idempotency_in_flight: {
    text: 'What to do next: the same request again, with the same key',
    schema: z.strictObject({ retryable: z.boolean(), next: nextStep }),
    isAlwaysThere: true,
    example: { retryable: true, next: 'wait' },
  },
  interaction_resolved: {
    text: 'The interaction and its status',
    schema: z.strictObject({ interactionId: z.uuid(), status: z.string() }),
    isAlwaysThere: true,
    example: { interactionId: ISSUE, status: 'accepted' },
  },
  interaction_key_reused: {
    text: 'The interaction that has the key',
    schema: z.strictObject({ interactionId: z.uuid() }),
    isAlwaysThere: true,
    example: { interactionId: ISSUE },
  },
  document_stale: {
    text: 'The document, and its revision that is now the latest',
    schema: z.strictObject({ key: z.string(), currentRevisionId: z.uuid() }),
    isAlwaysThere: false,
    example: { key: 'plan', currentRevisionId: ISSUE },
  },
  document_absent: {
    text: 'The key under which there is no document',
    schema: z.strictObject({ key: z.string() }),
    isAlwaysThere: true,
    example: { key: 'plan' },
  },
  quota_exceeded: {
    text: 'The quota, its limit, and what to do next',
    schema: z.strictObject({
      quota: z.enum(['requests', 'bytes', 'open_runs', 'wakes', 'webhook_calls']),
      scope: z.enum(['agent', 'company']),
      limit: z.int(),
      windowSeconds: z.int().nullable(),
      retryable: z.literal(true),
      next: z.literal('wait'),
    }),
    isAlwaysThere: true,
    example: { quota: 'requests', scope: 'agent', limit: 500, windowSeconds: 10, retryable: true, next: 'wait' },
  },
}
