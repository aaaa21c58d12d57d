import { z } from 'zod'
import { event } from '../../platform/kernel/event.ts'

export const issueCreated = event(
  'issue.created',
  'issue',
  z.object({
    title: z.string(),
    identifier: z.string(),
    status: z.string(),
    assigneeAgentId: z.string().nullable(),
    assigneeUserId: z.string().nullable(),
  }),
)

/** Carries the changed fields with their new values, and the old values under `_previous`. */
export const issueUpdated = event(
  'issue.updated',
  'issue',
  z
    .object({
      identifier: z.string(),
      source: z.enum(['comment']).optional(),
      reopened: z.boolean().optional(),
      reopenedFrom: z.string().optional(),
      interruptedRunId: z.string().optional(),
      lockEpoch: z.number(),
      _previous: z.record(z.string(), z.unknown()),
    })
    .catchall(z.unknown()),
)

export const issueDeleted = event(
  'issue.deleted',
  'issue',
  z.object({
    identifier: z.string(),
    title: z.string(),
    status: z.string(),
    checkoutRunId: z.string().nullable(),
    executionRunId: z.string().nullable(),
  }),
)

export const commentAdded = event(
  'issue.comment_added',
  'issue',
  z.object({
    commentId: z.string(),
    bodySnippet: z.string(),
    identifier: z.string(),
    issueTitle: z.string(),
    reopened: z.boolean().optional(),
    reopenedFrom: z.string().optional(),
  }),
)

/** Recorded on the parent, in addition to `issue.created` of the child. */
export const childCreated = event(
  'issue.child_created',
  'issue',
  z.object({ parentId: z.string(), childIssueId: z.string(), identifier: z.string(), title: z.string() }),
)

export const blockersUpdated = event(
  'issue.blockers_updated',
  'issue',
  z.object({
    identifier: z.string(),
    blockedByIssueIds: z.array(z.string()),
    addedBlockedByIssueIds: z.array(z.string()),
    removedBlockedByIssueIds: z.array(z.string()),
  }),
)

const mark = z.object({ userId: z.string() })

export const readMarked = event('issue.read_marked', 'issue', mark.extend({ lastReadAt: z.string() }))
export const readUnmarked = event('issue.read_unmarked', 'issue', mark)
export const inboxArchived = event('issue.inbox_archived', 'issue', mark.extend({ archivedAt: z.string() }))
export const inboxUnarchived = event('issue.inbox_unarchived', 'issue', mark)
/** Recorded on the company, because an item may be of any kind and the client chooses its key. */
export const inboxDismissed = event('inbox.dismissed', 'company', mark.extend({ itemKey: z.string(), dismissedAt: z.string() }))
