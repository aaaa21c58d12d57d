import { z } from 'zod'
import { issuePriorities, issueStatus } from '../../model/issueStatus.ts'
import { instant } from '../../platform/kernel/time.ts'
import { runStatus } from '../../model/runStatus.ts'
import { runView } from '../../engine/runs/index.ts'

const json = z.record(z.string(), z.unknown())

/** The most live runs that one answer has. */
const MAX_LIVE_RUNS = 1000

export const liveRunsQuery = z.object({
  minCount: z.coerce.number().int().min(0).max(20).default(0),
  limit: z.coerce.number().int().min(1).max(MAX_LIVE_RUNS).optional(),
})

/** A run as the history of an issue shows it. */
export const issueRunView = z.strictObject({
  runId: z.uuid(),
  status: z.enum(runStatus.statuses),
  agentId: z.uuid(),
  startedAt: instant.nullable(),
  finishedAt: instant.nullable(),
  createdAt: instant,
  invocationSource: z.string(),
  usageJson: json.nullable(),
  resultJson: json.nullable(),
})

export const liveRunView = z.strictObject({
  id: z.uuid(),
  status: z.enum(runStatus.statuses),
  invocationSource: z.string(),
  triggerDetail: z.string().nullable(),
  startedAt: instant.nullable(),
  finishedAt: instant.nullable(),
  createdAt: instant,
  agentId: z.uuid(),
  agentName: z.string(),
  adapterType: z.string(),
})

export const companyLiveRunView = liveRunView.extend({ issueId: z.uuid().nullable() })

export const activeRunView = runView.extend({ agentName: z.string(), adapterType: z.string() }).nullable()

/** An issue that is related to a run. */
export const runIssueView = z.strictObject({
  issueId: z.uuid(),
  identifier: z.string(),
  title: z.string(),
  status: z.enum(issueStatus.statuses),
  priority: z.enum(issuePriorities),
})
