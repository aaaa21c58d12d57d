import { z } from 'zod'
import { instant } from '../kernel/time.ts'
import { runStatus } from './status.ts'

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
