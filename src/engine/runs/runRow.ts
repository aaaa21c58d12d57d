import { runs } from '../../model/runs.ts'
import { columnsOf } from '../../platform/db/statement.ts'
import type { Instant } from '../../platform/kernel/time.ts'
import type { RunStatus } from '../../model/runStatus.ts'

/** The row of a run, under the names of the API. */
export interface RunRow {
  readonly id: string
  readonly companyId: string
  readonly agentId: string
  readonly issueId: string | null
  readonly invocationSource: string
  readonly triggerDetail: string | null
  readonly status: RunStatus
  readonly leaseSeconds: number
  readonly leaseExpiresAt: Instant
  readonly lastSeenAt: Instant | null
  readonly startedAt: Instant | null
  readonly finishedAt: Instant | null
  readonly error: string | null
  readonly errorCode: string | null
  readonly wakeupRequestId: string | null
  readonly exitCode: number | null
  readonly signal: string | null
  readonly usageJson: Readonly<Record<string, unknown>> | null
  readonly resultJson: Readonly<Record<string, unknown>> | null
  readonly sessionIdBefore: string | null
  readonly sessionIdAfter: string | null
  readonly logStore: string | null
  readonly logRef: string | null
  readonly logBytes: number | null
  readonly logSha256: string | null
  readonly logCompressed: boolean
  readonly stdoutExcerpt: string | null
  readonly stderrExcerpt: string | null
  readonly externalRunId: string | null
  readonly processPid: number | null
  readonly processStartedAt: Instant | null
  readonly retryOfRunId: string | null
  readonly processLossRetryCount: number
  readonly contextSnapshot: Readonly<Record<string, unknown>> | null
  readonly createdAt: Instant
  readonly updatedAt: Instant
}

export const runColumns = columnsOf(runs, ['supervisorId', 'processIdentity', 'stopOrderedAt'])
