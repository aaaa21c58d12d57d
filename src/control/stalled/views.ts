import { z } from 'zod'
import { issueStatus } from '../../model/issueStatus.ts'
import { instant } from '../../platform/kernel/time.ts'
import { progressStates } from './progress.ts'
import type { ProgressState } from './progress.ts'

const progress = z.enum(Object.keys(progressStates) as [ProgressState, ...ProgressState[]])

/** An issue whose work stands still, with its last run and the act that changes it. */
export const stalledView = z.strictObject({
  issueId: z.uuid(),
  identifier: z.string(),
  title: z.string(),
  status: z.enum(issueStatus.statuses),
  assigneeAgentId: z.uuid().nullable(),
  why: progress,
  since: instant,
  act: z.string().nullable(),
  lastRun: z.strictObject({ id: z.uuid(), status: z.string(), errorCode: z.string().nullable(), error: z.string().nullable() }).nullable(),
})

/** Why the work on one issue goes on, or does not. */
export const whyView = stalledView.extend({
  holderRunId: z.uuid().nullable(),
  waitingWakeIds: z.array(z.uuid()),
  blockedByIssueIds: z.array(z.uuid()),
  agentStatus: z.string().nullable(),
  agentPauseReason: z.string().nullable(),
  isAgentOverBudget: z.boolean(),
  isProjectPaused: z.boolean(),
})
