import { z } from 'zod'
import { inCompany, ofIssue } from '../../auth/scopes.ts'
import { companyOf } from '../../platform/db/context.ts'
import { gateRefusals } from '../../engine/holds/index.ts'
import { del, get, patch, post } from '../../http/route.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { pageQuery } from '../../platform/kernel/page.ts'
import { addComment, requireIssue, getComment, listComments } from './comments.ts'
import { createChild } from './children.ts'
import { createIssue } from './create.ts'
import { deleteIssue } from './delete.ts'
import { dismissInInbox, listDismissals } from './dismissals.ts'
import { archiveInInbox, markRead, unarchiveInInbox, unmarkRead } from './inbox.ts'
import { listIssues } from './list.ts'
import type { IssueFilter } from './list.ts'
import { heartbeatContext, issueDetail } from './queries.ts'
import { updateIssue } from './update.ts'
import {
  archiveView,
  commentBody,
  commentView,
  createChildBody,
  createIssueBody,
  dismissalView,
  dismissBody,
  heartbeatContextView,
  issueDetail as issueDetailView,
  issueEntityTag,
  issueListItem,
  issueView,
  listQuery,
  patchedIssueView,
  patchIssueBody,
  readView,
  unarchivedView,
  unreadView,
} from './views.ts'
import type { Actor } from '../../platform/kernel/actor.ts'

const referenceRefusals = [
  'not_found',
  'agent_terminated',
  'agent_pending',
  'assign_not_permitted',
  'assignee_conflict',
  'assignee_needed',
] as const
const checkoutRefusals = [
  'issue_held',
  'issue_assigned',
  'issue_blocked',
  'agent_not_invokable',
  'agent_over_budget',
  'project_paused',
  'company_not_active',
  'status_unexpected',
] as const

/** `me` stands for the asking person; an agent has no such view. */
function resolveMe(filter: IssueFilter, actor: Actor): IssueFilter {
  const userFilters = ['assigneeUserId', 'touchedByUserId', 'inboxArchivedByUserId', 'unreadForUserId'] as const
  const resolved = userFilters.flatMap((key) => {
    if (filter[key] !== 'me') return []
    if (actor.kind !== 'board') return refuse('forbidden', { message: `${key}=me requires board authentication` })
    return [[key, actor.userId] as const]
  })
  return { ...filter, ...Object.fromEntries(resolved) }
}

export const issueRoutes = [
  get('/api/companies/:companyId/issues', {
    summary: 'List issues by priority and latest activity',
    permission: 'issue.list',
    scope: inCompany(),
    query: z.object({ ...listQuery, ...pageQuery }),
    returnsPageOf: issueListItem,
    refuses: ['not_found', 'malformed_cursor'],
    handle: ({ ctx, query: { limit, after, ...filter } }) =>
      listIssues(ctx.store.read, companyOf(ctx), resolveMe(filter, ctx.actor), { limit, after }),
  }),
  post('/api/companies/:companyId/issues', {
    summary: 'Create an issue and wake its assignee',
    permission: 'issue.create',
    scope: inCompany(),
    body: createIssueBody,
    keyInBody: true,
    status: 201,
    returns: issueView,
    headers: issueEntityTag,
    refuses: [...referenceRefusals, ...checkoutRefusals, 'run_required'],
    handle: async ({ ctx, body }) => await createIssue(ctx, body),
  }),
  post('/api/issues/:id/children', {
    summary: 'Create an issue below another one',
    permission: 'issue.create',
    scope: ofIssue(),
    body: createChildBody,
    keyInBody: true,
    status: 201,
    returns: issueView,
    headers: issueEntityTag,
    refuses: [...referenceRefusals, ...checkoutRefusals, 'run_required'],
    handle: ({ ctx, target, body }) => createChild(ctx, target, body),
  }),
  get('/api/issues/:id', {
    summary: 'Read one issue with everything around it',
    permission: 'issue.read',
    scope: ofIssue(),
    returns: issueDetailView,
    headers: issueEntityTag,
    refuses: ['not_found'],
    handle: ({ ctx, target }) => issueDetail(ctx.store.read, companyOf(ctx), target, ctx.actor),
  }),
  patch('/api/issues/:id', {
    summary: 'Change an issue, and comment on it in the same step',
    permission: 'issue.update',
    scope: ofIssue(),
    body: patchIssueBody,
    returns: patchedIssueView,
    headers: issueEntityTag,
    refuses: [...referenceRefusals, ...gateRefusals, ...checkoutRefusals, 'board_required', 'illegal_transition'],
    handle: async ({ ctx, target, body, preconditions }) => await updateIssue(ctx, target, body, preconditions),
  }),
  del('/api/issues/:id', {
    summary: 'Delete an issue and what hangs on it; its audit stays',
    permission: 'issue.delete',
    scope: ofIssue(),
    returns: issueView,
    refuses: [...gateRefusals],
    handle: async ({ ctx, target, preconditions }) => await deleteIssue(ctx, target, preconditions),
  }),
  get('/api/issues/:id/comments', {
    summary: 'List comments of an issue',
    permission: 'issue.read',
    scope: ofIssue(),
    query: z.object({
      after: z.uuid().optional(),
      afterCommentId: z.uuid().optional(),
      order: z.enum(['asc', 'desc']).default('desc'),
      limit: z.coerce.number().int().min(1).max(500).optional(),
    }),
    returnsPageOf: commentView,
    refuses: ['not_found'],
    handle: async ({ ctx, target, query }) => {
      await requireIssue(ctx.store.read, companyOf(ctx), target)
      return await listComments(ctx.store.read, companyOf(ctx), target, { ...query, after: query.after ?? query.afterCommentId })
    },
  }),
  post('/api/issues/:id/comments', {
    summary: 'Comment on an issue; open to every agent of the company',
    permission: 'issue.comment',
    scope: ofIssue(),
    body: commentBody,
    status: 201,
    returns: commentView,
    refuses: ['not_found', ...gateRefusals, 'board_required'],
    handle: ({ ctx, target, body }) => addComment(ctx, target, body),
  }),
  get('/api/issues/:id/comments/:commentId', {
    summary: 'Read one comment',
    permission: 'issue.read',
    scope: ofIssue(),
    returns: commentView,
    refuses: ['not_found'],
    handle: ({ ctx, target, params }) => {
      const id = z.uuid().safeParse(params['commentId'])
      return id.success ? getComment(ctx.store.read, companyOf(ctx), target, id.data) : refuse('malformed_id')
    },
  }),
  get('/api/issues/:id/heartbeat-context', {
    summary: 'Read what an agent needs before it works on an issue',
    permission: 'issue.read',
    scope: ofIssue(),
    query: z.object({ wakeCommentId: z.uuid().optional() }),
    returns: heartbeatContextView,
    refuses: ['not_found'],
    handle: ({ ctx, target, query }) => heartbeatContext(ctx.store.read, companyOf(ctx), target, query.wakeCommentId ?? null),
  }),
  post('/api/issues/:id/read', {
    summary: 'Mark an issue as read by the asking person',
    permission: 'issue.inbox',
    scope: ofIssue(),
    body: z.object({}),
    bodyOptional: true,
    returns: readView,
    refuses: ['not_found'],
    handle: ({ ctx, target }) => markRead(ctx, target),
  }),
  del('/api/issues/:id/read', {
    summary: 'Forget that the asking person has read an issue',
    permission: 'issue.inbox',
    scope: ofIssue(),
    returns: unreadView,
    refuses: ['not_found'],
    handle: ({ ctx, target }) => unmarkRead(ctx, target),
  }),
  post('/api/issues/:id/inbox-archive', {
    summary: "Put an issue out of the asking person's inbox until something happens to it",
    permission: 'issue.inbox',
    scope: ofIssue(),
    body: z.object({}),
    bodyOptional: true,
    returns: archiveView,
    refuses: ['not_found'],
    handle: ({ ctx, target }) => archiveInInbox(ctx, target),
  }),
  del('/api/issues/:id/inbox-archive', {
    summary: "Take an issue back into the asking person's inbox",
    permission: 'issue.inbox',
    scope: ofIssue(),
    returns: unarchivedView,
    refuses: ['not_found'],
    handle: ({ ctx, target }) => unarchiveInInbox(ctx, target),
  }),
  get('/api/companies/:companyId/inbox-dismissals', {
    summary: 'List what the asking person has put out of their inbox, the latest first',
    permission: 'issue.inbox',
    scope: inCompany(),
    query: z.object(pageQuery),
    returnsPageOf: dismissalView,
    refuses: ['not_found'],
    handle: ({ ctx, query }) => listDismissals(ctx, query),
  }),
  post('/api/companies/:companyId/inbox-dismissals', {
    summary: "Put an item out of the asking person's inbox",
    permission: 'issue.inbox',
    scope: inCompany(),
    body: dismissBody,
    status: 201,
    returns: dismissalView,
    refuses: ['not_found'],
    handle: ({ ctx, body }) => dismissInInbox(ctx, body.itemKey),
  }),
]
