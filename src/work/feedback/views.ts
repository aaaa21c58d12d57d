import { z } from 'zod'
import { flag } from '../../http/query.ts'
import { pageQuery } from '../../platform/kernel/page.ts'
import { instant, sentInstantOrDay } from '../../platform/kernel/time.ts'
import { feedbackTargets, feedbackVotes, traceStatuses } from '../../model/feedbackStatus.ts'

const id = z.uuid().transform((value) => value.toLowerCase())
const json = z.record(z.string(), z.unknown())

export const voteView = z.strictObject({
  id: z.uuid(),
  companyId: z.uuid(),
  issueId: z.uuid(),
  targetType: z.enum(feedbackTargets),
  targetId: z.uuid(),
  authorUserId: z.string(),
  vote: z.enum(feedbackVotes),
  reason: z.string().nullable(),
  isShared: z.boolean(),
  sharedAt: instant.nullable(),
  consentVersion: z.string().nullable(),
  createdAt: instant,
  updatedAt: instant,
})

export const voteBody = z.object({
  targetType: z.enum(feedbackTargets),
  targetId: id,
  vote: z.enum(feedbackVotes),
  reason: z.string().trim().max(1000).nullish(),
  allowSharing: z.boolean().default(false),
})
export type VoteInput = z.output<typeof voteBody>

/** The short description of the target that every trace has, also without its payload. */
const targetSummary = z.strictObject({
  label: z.string(),
  excerpt: z.string(),
  authorAgentId: z.uuid().nullable(),
  authorUserId: z.string().nullable(),
  createdAt: instant,
  documentKey: z.string().nullable(),
  documentTitle: z.string().nullable(),
  revisionNumber: z.int().nullable(),
})
export type TargetSummary = z.output<typeof targetSummary>

export const traceView = z.strictObject({
  id: z.uuid(),
  companyId: z.uuid(),
  feedbackVoteId: z.uuid(),
  issueId: z.uuid(),
  issueIdentifier: z.string(),
  issueTitle: z.string(),
  projectId: z.uuid().nullable(),
  authorUserId: z.string(),
  targetType: z.enum(feedbackTargets),
  targetId: z.uuid(),
  vote: z.enum(feedbackVotes),
  status: z.enum(traceStatuses),
  consentVersion: z.string().nullable(),
  targetSummary,
  payloadSnapshot: json.nullable(),
  exportedAt: z.null(),
  failureReason: z.null(),
  createdAt: instant,
  updatedAt: instant,
})

export const bundleView = z.strictObject({
  traceId: z.uuid(),
  companyId: z.uuid(),
  companyName: z.string(),
  issueId: z.uuid(),
  issueIdentifier: z.string(),
  issueTitle: z.string(),
  trace: traceView,
  target: json,
  files: z.array(z.never()),
})

export const payloadQuery = z.object({ includePayload: flag.optional() })

export const tracesQuery = z.object({
  /** The issue of a path takes its place. */
  issueId: id.optional(),
  projectId: id.optional(),
  targetType: z.enum(feedbackTargets).optional(),
  vote: z.enum(feedbackVotes).optional(),
  status: z.string().max(50).optional(),
  from: sentInstantOrDay.optional(),
  to: sentInstantOrDay.optional(),
  sharedOnly: flag.optional(),
  includePayload: flag.optional(),
  ...pageQuery,
})

export type TracesQuery = z.output<typeof tracesQuery>
