import { z } from 'zod'
import { flag, listOf, offsetQuery } from '../../http/query.ts'
import { idempotencyKey } from '../../http/idempotencyKey.ts'
import { instant, sentInstant } from '../../platform/kernel/time.ts'
import { runStatus } from '../../model/runStatus.ts'
import { issuePriorities, issueStatus } from '../../model/issueStatus.ts'

/** The longest title, in characters. A title is one line in a list. */
const TITLE_MAX = 500
/** The longest description and comment, in characters. The limit of 256 KB for a body applies too. */
const TEXT_MAX = 200_000
const status = z.enum(issueStatus.statuses)
const priority = z.enum(issuePriorities)
const json = z.record(z.string(), z.unknown())
const text = (max: number) => z.string().max(max)
const id = z.uuid().transform((value) => value.toLowerCase())
/** The largest `integer` of Postgres. */
const INT_MAX = 2_147_483_647

const labelView = z.strictObject({
  id: z.uuid(),
  companyId: z.uuid(),
  name: z.string(),
  color: z.string(),
  createdAt: instant,
  updatedAt: instant,
})

const issueRef = z.strictObject({
  id: z.uuid(),
  identifier: z.string(),
  title: z.string(),
  status,
  priority,
  assigneeAgentId: z.uuid().nullable(),
  assigneeUserId: z.string().nullable(),
})

const issueFields = {
  id: z.uuid(),
  companyId: z.uuid(),
  projectId: z.uuid().nullable(),
  projectWorkspaceId: z.uuid().nullable(),
  goalId: z.uuid().nullable(),
  parentId: z.uuid().nullable(),
  title: z.string(),
  description: z.string().nullable(),
  status,
  priority,
  assigneeAgentId: z.uuid().nullable(),
  assigneeUserId: z.string().nullable(),
  checkoutRunId: z.uuid().nullable(),
  executionRunId: z.uuid().nullable(),
  executionAgentNameKey: z.string().nullable(),
  executionLockedAt: instant.nullable(),
  lockEpoch: z.int(),
  createdByAgentId: z.uuid().nullable(),
  createdByUserId: z.string().nullable(),
  issueNumber: z.int(),
  identifier: z.string(),
  originKind: z.string(),
  originId: z.string().nullable(),
  originRunId: z.uuid().nullable(),
  requestDepth: z.int(),
  billingCode: z.string().nullable(),
  assigneeAdapterOverrides: json.nullable(),
  executionWorkspaceId: z.uuid().nullable(),
  executionWorkspacePreference: z.string().nullable(),
  executionWorkspaceSettings: json.nullable(),
  startedAt: instant.nullable(),
  completedAt: instant.nullable(),
  cancelledAt: instant.nullable(),
  hiddenAt: instant.nullable(),
  version: z.int(),
  createdAt: instant,
  updatedAt: instant,
  labels: z.array(labelView),
  labelIds: z.array(z.uuid()),
}

/** The answer to a change of a hold: the row and its labels. */
export const labelledIssueView = z.strictObject(issueFields)

/** The `ETag` header of an issue, which `If-Match` is compared with. */
export const issueEntityTag = (issue: { version: number }): Record<string, string> => ({ ETag: `"${issue.version}"` })

export const issueView = z.strictObject({
  ...issueFields,
  blockedBy: z.array(issueRef),
  blocks: z.array(issueRef),
})

const runBrief = z.strictObject({
  id: z.uuid(),
  status: z.enum(runStatus.statuses),
  agentId: z.uuid(),
  invocationSource: z.string(),
  triggerDetail: z.string().nullable(),
  startedAt: instant.nullable(),
  finishedAt: instant.nullable(),
  createdAt: instant,
})

export const issueListItem = z.strictObject({
  ...issueFields,
  activeRun: runBrief.nullable(),
  lastActivityAt: instant,
  myLastTouchAt: instant.nullable().optional(),
  lastExternalCommentAt: instant.nullable().optional(),
  isUnreadForMe: z.boolean().optional(),
})

/** An issue in an agent's inbox. */
export const inboxItem = z.strictObject({
  id: z.uuid(),
  identifier: z.string(),
  title: z.string(),
  status,
  priority,
  projectId: z.uuid().nullable(),
  goalId: z.uuid().nullable(),
  parentId: z.uuid().nullable(),
  updatedAt: instant,
  activeRun: runBrief.nullable(),
})

export const commentView = z.strictObject({
  id: z.uuid(),
  companyId: z.uuid(),
  issueId: z.uuid(),
  authorAgentId: z.uuid().nullable(),
  authorUserId: z.string().nullable(),
  createdByRunId: z.uuid().nullable(),
  body: z.string(),
  createdAt: instant,
  updatedAt: instant,
})

const projectBrief = z.looseObject({ id: z.uuid(), name: z.string(), status: z.string() })
const goalBrief = z.looseObject({ id: z.uuid(), title: z.string(), status: z.string(), level: z.string() })

export const issueDetail = z.strictObject({
  ...issueView.shape,
  ancestors: z.array(
    z.strictObject({
      id: z.uuid(),
      identifier: z.string(),
      title: z.string(),
      description: z.string().nullable(),
      status,
      priority,
      assigneeAgentId: z.uuid().nullable(),
      projectId: z.uuid().nullable(),
      goalId: z.uuid().nullable(),
      project: projectBrief.nullable(),
      goal: goalBrief.nullable(),
    }),
  ),
  planDocument: z.looseObject({}).nullable(),
  documentSummaries: z.array(z.looseObject({})),
  legacyPlanDocument: z.null(),
  project: projectBrief.nullable(),
  goal: goalBrief.nullable(),
  mentionedProjects: z.array(projectBrief),
  currentExecutionWorkspace: z.null(),
  workProducts: z.array(z.looseObject({})),
})

/** The words since the last run of the reader, or of the assignee where a person reads. */
const newWordsView = z.strictObject({
  since: instant.nullable(),
  items: z.array(
    z.strictObject({
      kind: z.enum(['comment', 'interaction', 'approval', 'approval_comment']),
      id: z.uuid(),
      at: instant,
      authorAgentId: z.uuid().nullable(),
      authorUserId: z.string().nullable(),
      status: z.string().nullable(),
      text: z.string().nullable(),
      truncated: z.boolean(),
      path: z.string(),
    }),
  ),
  omitted: z.int(),
})

export const heartbeatContextView = z.strictObject({
  issue: z.strictObject({
    id: z.uuid(),
    identifier: z.string(),
    title: z.string(),
    description: z.string().nullable(),
    status,
    priority,
    projectId: z.uuid().nullable(),
    goalId: z.uuid().nullable(),
    parentId: z.uuid().nullable(),
    assigneeAgentId: z.uuid().nullable(),
    assigneeUserId: z.string().nullable(),
    lockEpoch: z.int(),
    updatedAt: instant,
    blockedBy: z.array(issueRef),
    blocks: z.array(issueRef),
  }),
  ancestors: z.array(z.strictObject({ id: z.uuid(), identifier: z.string(), title: z.string(), status, priority })),
  project: z.strictObject({ id: z.uuid(), name: z.string(), status: z.string(), targetDate: z.string().nullable() }).nullable(),
  goal: z
    .strictObject({ id: z.uuid(), title: z.string(), status: z.string(), level: z.string(), parentId: z.uuid().nullable() })
    .nullable(),
  commentCursor: z.strictObject({
    totalComments: z.int(),
    latestCommentId: z.uuid().nullable(),
    latestCommentAt: instant.nullable(),
  }),
  wakeComment: commentView.nullable(),
  newWords: newWordsView.optional(),
  attachments: z.array(
    z.strictObject({
      id: z.uuid(),
      issueCommentId: z.uuid().nullable(),
      contentType: z.string(),
      byteSize: z.int(),
      originalFilename: z.string().nullable(),
      createdAt: instant,
      contentPath: z.string(),
    }),
  ),
})

const editable = {
  title: text(TITLE_MAX).trim().min(1),
  description: text(TEXT_MAX).nullish(),
  priority: priority.optional(),
  projectId: id.nullish(),
  projectWorkspaceId: id.nullish(),
  goalId: id.nullish(),
  parentId: id.nullish(),
  assigneeAgentId: id.nullish(),
  assigneeUserId: text(200).min(1).nullish(),
  requestDepth: z.int().min(0).max(INT_MAX).optional(),
  billingCode: text(200).nullish(),
  assigneeAdapterOverrides: z.object({ adapterConfig: json.optional(), useProjectWorkspace: z.boolean().optional() }).nullish(),
  labelIds: z.array(id).max(50).nullish(),
  blockedByIssueIds: z.array(id).max(100).optional(),
}

export const createIssueBody = z.object({
  ...editable,
  status: status.default('backlog'),
  idempotencyKey,
})
export type CreateIssue = z.output<typeof createIssueBody>

export const createChildBody = createIssueBody.omit({ parentId: true })
export type CreateChild = z.output<typeof createChildBody>

export const patchIssueBody = z.object({
  ...editable,
  title: editable.title.optional(),
  status: status.optional(),
  hiddenAt: sentInstant.nullish(),
  comment: text(TEXT_MAX).trim().min(1).optional(),
  reopen: z.boolean().optional(),
  interrupt: z.boolean().optional(),
})
export type PatchIssue = z.output<typeof patchIssueBody>

export const commentBody = z.object({
  body: text(TEXT_MAX).refine((value) => value.trim() !== '', 'A comment needs a body'),
  reopen: z.boolean().optional(),
  interrupt: z.boolean().optional(),
  idempotencyKey,
})

export const patchedIssueView = z.strictObject({ ...issueView.shape, comment: commentView.nullable() })

/** Pages that a request counts instead of following cursors. */
const MAX_PAGE = 1000

/** Additions to each item that the newest published clients ask for. This server has nothing to add, and no row depends on it. */
const hints = {
  includeBlockedBy: flag.optional(),
  includeBlockedInboxAttention: flag.optional(),
  includeLiveDescendantSummary: flag.optional(),
}

export const listQuery = {
  status: listOf(status, issueStatus.statuses.length).optional(),
  priority: listOf(priority, issuePriorities.length).optional(),
  assigneeAgentId: id.optional(),
  unassigned: flag.optional(),
  createdByAgentId: id.optional(),
  createdByUserId: text(200).optional(),
  participantAgentId: id.optional(),
  assigneeUserId: text(200).optional(),
  touchedByUserId: text(200).optional(),
  inboxArchivedByUserId: text(200).optional(),
  unreadForUserId: text(200).optional(),
  projectId: id.optional(),
  goalId: id.optional(),
  executionWorkspaceId: id.optional(),
  workspaceId: id.optional(),
  parentId: id.optional(),
  labelId: id.optional(),
  originKind: text(100).optional(),
  originId: text(200).optional(),
  includeRoutineExecutions: flag.optional(),
  q: text(500).optional(),
  /** Another name of `q`. */
  search: text(500).optional(),
  page: z.coerce.number().int().min(1).max(MAX_PAGE).optional(),
  ...offsetQuery,
  ...hints,
}

const mark = {
  id: z.uuid(),
  companyId: z.uuid(),
  issueId: z.uuid(),
  userId: z.string(),
  createdAt: instant,
  updatedAt: instant,
}

/** The time at which a person last read an issue. */
export const readView = z.strictObject({ ...mark, lastReadAt: instant })
export type ReadRow = z.output<typeof readView>
export const unreadView = z.strictObject({ id: z.uuid(), removed: z.boolean() })

/** The mark of an issue that a person has archived. */
export const archiveView = z.strictObject({ ...mark, archivedAt: instant })
export type ArchiveRow = z.output<typeof archiveView>
export const unarchivedView = z.union([archiveView, z.strictObject({ ok: z.literal(true) })])

/** The key of an inbox item, which the client chooses: a kind with an id, such as `approval:<id>`. */
const itemKey = text(200)
export const dismissBody = z.object({ itemKey: itemKey.min(1) })

/** The mark of an inbox item that a person has dismissed. */
export const dismissalView = z.strictObject({
  id: z.uuid(),
  companyId: z.uuid(),
  userId: z.string(),
  itemKey,
  dismissedAt: instant,
  createdAt: instant,
  updatedAt: instant,
})
export type DismissalRow = z.output<typeof dismissalView>
