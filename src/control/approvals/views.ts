import { z } from 'zod'
import {
  agentDetailView,
  agentView,
  configurationWarnings,
  createAgentBody,
  patchAgentBody,
  permissionsBody,
} from '../../org/agents/index.ts'
import { issuePriorities, issueStatus } from '../../model/issueStatus.ts'
import { idempotencyKey } from '../../http/idempotencyKey.ts'
import { instant } from '../../platform/kernel/time.ts'
import { approvalStatus, approvalTypes } from '../../model/approvalStatus.ts'
import type { ApprovalType } from '../../model/approvalStatus.ts'
import { warningView } from './warnings.ts'

const json = z.record(z.string(), z.unknown())
const id = z.uuid().transform((value) => value.toLowerCase())

/** The most issues of a new approval; all are locked, and their write gates checked, in one transaction. */
const MAX_ISSUES = 50
/** Longest note and comment, in characters. */
const TEXT_MAX = 20_000

const issueIds = z.array(id).max(MAX_ISSUES)

export const approvalView = z.strictObject({
  id: z.uuid(),
  companyId: z.uuid(),
  type: z.enum(approvalTypes),
  requestedByAgentId: z.uuid().nullable(),
  requestedByUserId: z.string().nullable(),
  status: z.enum(approvalStatus.statuses),
  payload: json,
  decisionNote: z.string().nullable(),
  decidedByUserId: z.string().nullable(),
  decidedAt: instant.nullable(),
  createdAt: instant,
  updatedAt: instant,
})

/** One approval for the board: with what a decision would be about. Agents get the fields of `approvalView` alone. */
export const approvalDetailView = z.strictObject({
  ...approvalView.shape,
  /** Names the payload and the resulting configuration; a decision may repeat it. */
  payloadHash: z.string().optional(),
  /** The configuration of the agent after an approval: what it has now, with the change. */
  resultingConfiguration: json.nullable().optional(),
  resultingConfigurationHash: z.string().nullable().optional(),
  warnings: z.array(warningView).optional(),
})

export const createApprovalBody = z.object({
  type: z.enum(approvalTypes),
  payload: json,
  requestedByAgentId: id.nullish(),
  issueIds: issueIds.optional(),
  idempotencyKey,
})
export type CreateApproval = z.output<typeof createApprovalBody>

/** `decidedByUserId`, which older clients send, is ignored: the decider comes from the credential (I8). */
export const decideBody = z.object({
  decisionNote: z.string().max(TEXT_MAX).nullish(),
  /** The `payloadHash` of the version that the decider has seen. Needed when the approval changed since it was read last. */
  payloadHash: z.string().max(200).nullish(),
})
export const resubmitBody = z.object({ payload: json.optional() })

export const approvalCommentBody = z.object({ body: z.string().trim().min(1).max(TEXT_MAX), idempotencyKey })
export const approvalCommentView = z.strictObject({
  id: z.uuid(),
  companyId: z.uuid(),
  approvalId: z.uuid(),
  authorAgentId: z.uuid().nullable(),
  authorUserId: z.string().nullable(),
  body: z.string(),
  createdAt: instant,
  updatedAt: instant,
})

export const linkBody = z.object({ approvalId: id })

/** A linked issue as an approval shows it, without its hold. */
export const linkedIssueView = z.strictObject({
  id: z.uuid(),
  companyId: z.uuid(),
  projectId: z.uuid().nullable(),
  goalId: z.uuid().nullable(),
  parentId: z.uuid().nullable(),
  title: z.string(),
  description: z.string().nullable(),
  status: z.enum(issueStatus.statuses),
  priority: z.enum(issuePriorities),
  assigneeAgentId: z.uuid().nullable(),
  createdByAgentId: z.uuid().nullable(),
  createdByUserId: z.string().nullable(),
  issueNumber: z.int(),
  identifier: z.string(),
  requestDepth: z.int(),
  billingCode: z.string().nullable(),
  startedAt: instant.nullable(),
  completedAt: instant.nullable(),
  cancelledAt: instant.nullable(),
  hiddenAt: instant.nullable(),
  createdAt: instant,
  updatedAt: instant,
})

export const hireBody = z.object({
  ...createAgentBody.shape,
  sourceIssueId: id.nullish(),
  sourceIssueIds: issueIds.optional(),
})
export type Hire = z.output<typeof hireBody>

export const hiredView = z.strictObject({ agent: agentView, approval: approvalView.nullable(), ...configurationWarnings })

/** The payload of a stored hire without an agent yet. Hires of before could lack the name. */
export const hirePayload = z.object({ ...createAgentBody.shape, name: createAgentBody.shape.name.default('New agent') })

/** Fields of a hire that hold an object and are not taken: a payload that was read and is sent again has them. */
const repeatedFields: ReadonlySet<string> = new Set(['requestedConfigurationSnapshot'])
const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null && !Array.isArray(value)

/**
 * The payload of a hire that is filed. An unknown text is a note for the board. An unknown object is an agent or a configuration in
 * another shape, and the hire would be made without it.
 */
const filedHire = z.looseObject(createAgentBody.shape).superRefine((payload, check) => {
  for (const [name, value] of Object.entries(payload))
    if (isObject(value) && !(name in createAgentBody.shape) && !repeatedFields.has(name))
      check.addIssue({
        code: 'custom',
        path: [name],
        message: 'Not a field of a hire: the fields of the agent stand in the payload itself',
      })
})

const shownText = z.string().max(TEXT_MAX).nullish()
const shownPlan = z.union([z.string(), json, z.array(z.unknown())]).nullish()
const cents = z.int().min(0).nullish()

/** The payloads that a client may file, by the type of the approval (`cases.md` K6). Further fields are shown to the board as they are. */
export const filedPayloads = {
  hire_agent: filedHire,
  approve_ceo_strategy: z.looseObject({ title: shownText, summary: shownText, plan: shownPlan, strategy: shownPlan }),
  budget_override_required: z.looseObject({
    title: shownText,
    summary: shownText,
    scopeType: z.enum(['company', 'agent', 'project']).nullish(),
    scopeId: z.uuid().nullish(),
    amountLimit: cents,
    amountObserved: cents,
    budgetAmount: cents,
  }),
  request_board_approval: z.looseObject({
    title: shownText,
    summary: shownText,
    recommendedAction: shownText,
    nextActionOnApproval: shownText,
    proposedComment: shownText,
    risks: z.array(z.string().max(TEXT_MAX)).nullish(),
  }),
} as const satisfies Readonly<Record<ApprovalType, z.ZodType>>

/** The change of an agent that a proposal has under `agentConfiguration`; only this server writes it. */
export const proposalPayload = z.object({
  agentId: z.uuid(),
  changes: patchAgentBody,
  rolledBackFromRevisionId: z.uuid().nullable().default(null),
  source: z.enum(['skill-sync', 'instructions_path_patch']).optional(),
  /** Permissions that the agent is to have; then `changes` is empty. Proposals of before have none. */
  permissions: permissionsBody.optional(),
})
export type Proposal = z.output<typeof proposalPayload>

/** A changed agent; with an `approval` the agent is unchanged, and the change waits for the board. */
export const configuredView = z.strictObject({ ...agentView.shape, approval: approvalView.optional(), ...configurationWarnings })

/** As `configuredView`, for a change of permissions. */
export const permittedView = z.strictObject({ ...agentDetailView.shape, approval: approvalView.optional() })

/** The status of an answer whose change waits for the board. */
export const proposalStatus = { status: 202, when: (answer: { approval?: unknown }): boolean => answer.approval !== undefined } as const
