import { z } from 'zod'
import { flag, listOf, offsetQuery } from '../../http/query.ts'
import { pageQuery } from '../../platform/kernel/page.ts'
import { instant } from '../../platform/kernel/time.ts'
import { runStatus } from '../../model/runStatus.ts'

const json = z.record(z.string(), z.unknown())

export const runView = z.strictObject({
  id: z.uuid(),
  companyId: z.uuid(),
  agentId: z.uuid(),
  issueId: z.uuid().nullable(),
  invocationSource: z.string(),
  triggerDetail: z.string().nullable(),
  status: z.enum(runStatus.statuses),
  leaseSeconds: z.int(),
  leaseExpiresAt: instant,
  lastSeenAt: instant.nullable(),
  startedAt: instant.nullable(),
  finishedAt: instant.nullable(),
  error: z.string().nullable(),
  errorCode: z.string().nullable(),
  wakeupRequestId: z.uuid().nullable(),
  exitCode: z.int().nullable(),
  signal: z.string().nullable(),
  usageJson: json.nullable(),
  resultJson: json.nullable(),
  sessionIdBefore: z.string().nullable(),
  sessionIdAfter: z.string().nullable(),
  logStore: z.string().nullable(),
  logRef: z.string().nullable(),
  logBytes: z.int().nullable(),
  logSha256: z.string().nullable(),
  logCompressed: z.boolean(),
  stdoutExcerpt: z.string().nullable(),
  stderrExcerpt: z.string().nullable(),
  externalRunId: z.string().nullable(),
  processPid: z.int().nullable(),
  processStartedAt: instant.nullable(),
  retryOfRunId: z.uuid().nullable(),
  processLossRetryCount: z.int(),
  contextSnapshot: json.nullable(),
  createdAt: instant,
  updatedAt: instant,
})

export const runEventView = z.strictObject({
  id: z.int(),
  companyId: z.uuid(),
  runId: z.uuid(),
  agentId: z.uuid(),
  seq: z.int(),
  eventType: z.string(),
  stream: z.enum(['system', 'stdout', 'stderr']).nullable(),
  level: z.enum(['info', 'warn', 'error']).nullable(),
  color: z.string().nullable(),
  message: z.string().nullable(),
  payload: json.nullable(),
  createdAt: instant,
})

/** A piece of a log: lines of `{ts, stream, chunk}`. */
export const runLogView = z.strictObject({
  runId: z.uuid(),
  store: z.string(),
  logRef: z.string(),
  content: z.string(),
  /** Present only when more bytes follow. */
  nextOffset: z.int().optional(),
})

export const runListQuery = z.object({
  agentId: z.uuid().optional(),
  status: listOf(z.enum(runStatus.statuses), runStatus.statuses.length).optional(),
  /** The newest published page asks for it; every list has summaries of results. */
  summary: flag.optional(),
  ...offsetQuery,
  ...pageQuery,
})
export type RunListQuery = z.output<typeof runListQuery>

const INT_MAX = 2_147_483_647

export const runEventQuery = z.object({
  ...pageQuery,
  afterSeq: z.coerce.number().int().min(0).max(INT_MAX).default(0),
})

export const runLogQuery = z.object({
  offset: z.coerce.number().int().min(0).default(0),
  limitBytes: z.coerce.number().int().min(1).default(256_000),
  /** `true` keeps the answer open, as server-sent events, until the run has ended. */
  follow: z.enum(['true', 'false']).default('false'),
})
