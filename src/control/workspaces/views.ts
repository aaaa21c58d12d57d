import { z } from 'zod'
import {
  closePolicies,
  operationPhases,
  operationStatuses,
  reusePolicies,
  shownStatuses,
  workspaceEnds,
} from '../../model/workspaceStatus.ts'
import { flag } from '../../http/query.ts'
import { pageQuery } from '../../platform/kernel/page.ts'
import { instant } from '../../platform/kernel/time.ts'

const json = z.record(z.string(), z.unknown())
const id = z.uuid().transform((value) => value.toLowerCase())
/** A note about a workspace, not a document. */
const MAX_METADATA_BYTES = 16 * 1024

export const executionWorkspaceView = z.strictObject({
  id: z.uuid(),
  companyId: z.uuid(),
  projectId: z.uuid(),
  projectWorkspaceId: z.uuid(),
  sourceIssueId: z.uuid(),
  agentId: z.uuid(),
  mode: z.literal('isolated_workspace'),
  strategyType: z.literal('git_worktree'),
  providerType: z.literal('git_worktree'),
  name: z.string(),
  status: z.enum(shownStatuses),
  /** Null for other agents than its own. */
  cwd: z.string().nullable(),
  branchName: z.string(),
  baseRef: z.string().nullable(),
  baseCommit: z.string().nullable(),
  reusePolicy: z.enum(reusePolicies),
  closePolicy: z.enum(closePolicies),
  /** The live run that has it; null for none. */
  activeRunId: z.uuid().nullable(),
  lastRunId: z.uuid().nullable(),
  metadata: json.nullable(),
  runtimeServices: z.array(z.never()),
  lastUsedAt: instant,
  openedAt: instant,
  closedAt: instant.nullable(),
  closedReason: z.enum(workspaceEnds).nullable(),
  createdAt: instant,
  updatedAt: instant,
})

export const executionWorkspaceQuery = z.object({
  projectId: id.optional(),
  projectWorkspaceId: id.optional(),
  issueId: id.optional(),
  status: z.enum(shownStatuses).optional(),
  reuseEligible: flag.optional(),
  closed: flag.optional(),
  ...pageQuery,
})
export type ExecutionWorkspaceQuery = z.output<typeof executionWorkspaceQuery>

const dirtyEntry = z.strictObject({ status: z.string(), path: z.string() })

export const closeReadinessView = z.strictObject({
  workspaceId: z.uuid(),
  state: z.enum(['ready', 'ready_with_warnings', 'needs_confirmation', 'blocked']),
  blockingReasons: z.array(z.string()),
  warnings: z.array(z.string()),
  /** A `PATCH` sends it back as `confirmation`: exactly this state was shown. */
  confirmation: z.string(),
  liveRun: z.strictObject({ id: z.uuid(), agentId: z.uuid(), status: z.string() }).nullable(),
  linkedIssues: z.array(
    z.strictObject({ id: z.uuid(), identifier: z.string(), title: z.string(), status: z.string(), isClosed: z.boolean() }),
  ),
  git: z
    .strictObject({
      headCommit: z.string().nullable(),
      branch: z.string().nullable(),
      aheadCount: z.int(),
      unpushedCount: z.int(),
      hasRemote: z.boolean(),
      isHeadKept: z.boolean(),
      loggedCount: z.int(),
      isUnfinished: z.boolean(),
      isReplaced: z.boolean(),
      dirtyCount: z.int(),
      entries: z.array(dirtyEntry),
      isStaged: z.boolean(),
      ignoredCount: z.int(),
      nestedCount: z.int(),
    })
    .nullable(),
})
export type CloseReadiness = z.output<typeof closeReadinessView>

export const workspaceOperationView = z.strictObject({
  id: z.uuid(),
  companyId: z.uuid(),
  executionWorkspaceId: z.uuid(),
  heartbeatRunId: z.uuid().nullable(),
  phase: z.enum(operationPhases),
  status: z.enum(operationStatuses),
  error: z.string().nullable(),
  logBytes: z.int(),
  startedAt: instant,
  finishedAt: instant.nullable(),
  createdAt: instant,
})

export const operationLogView = z.strictObject({
  operationId: z.uuid(),
  store: z.string(),
  logRef: z.string(),
  content: z.string(),
  /** Present only when more bytes follow. */
  nextOffset: z.int().optional(),
})

export const operationLogQuery = z.object({
  offset: z.coerce.number().int().min(0).default(0),
  limitBytes: z.coerce.number().int().min(1).default(256_000),
})

export const patchExecutionWorkspaceBody = z.strictObject({
  name: z.string().trim().min(1).max(200).optional(),
  metadata: json.refine((value) => Buffer.byteLength(JSON.stringify(value)) <= MAX_METADATA_BYTES, 'At most 16 KiB').nullish(),
  /** Closes it. */
  status: z.literal('archived').optional(),
  /** From the readiness that a person was shown. */
  confirmation: z.string().max(200).optional(),
})
export type PatchExecutionWorkspace = z.output<typeof patchExecutionWorkspaceBody>
