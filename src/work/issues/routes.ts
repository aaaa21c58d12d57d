import { z } from 'zod'
import { inCompany, ofIssue } from '../../auth/scopes.ts'
import { companyOf } from '../../platform/db/context.ts'
import { gateRefusals, unconditionalGateRefusals } from '../../engine/holds/index.ts'
import { del, get, patch, post } from '../../http/route.ts'
import { uuidParam } from '../../http/uuidParam.ts'
import { pageQuery } from '../../platform/kernel/page.ts'
import { addComment, getComment, listComments } from './comments.ts'
import { createChild } from './children.ts'
import { createIssue } from './create.ts'
import { deleteIssue } from './delete.ts'
import { dismissInInbox, listDismissals } from './dismissals.ts'
import { archiveInInbox, markRead, unarchiveInInbox, unmarkRead } from './inbox.ts'
import { listIssues, resolveMe } from './list.ts'
import { issueDetail } from './detail.ts'
import { contextWithWords } from './words.ts'
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
  'budget_exhausted',
  'project_paused',
  'company_not_active',
  'status_unexpected',
] as const

export const issueRoutes = [
  get('/api/companies/:companyId/issues', {
    summary: 'List issues by priority and latest activity',
    permission: 'issue.list',
    scope: inCompany(),
    query: z.object({ ...listQuery, ...pageQuery }),
    returnsPageOf: issueListItem,
    refuses: ['not_found', 'malformed_cursor'],
    handle: ({ ctx, query: { limit, after, offset, page, ...filter } }) =>
      listIssues(ctx.store.read, companyOf(ctx), resolveMe(filter, ctx.actor), { limit, after, offset, page }),
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
    refuses: [...referenceRefusals, ...checkoutRefusals, 'run_required', 'approval_required'],
    handle: ({ ctx, body }) => createIssue(ctx, body),
  }),
  post('/api/issues/:id/children', {
    summary: 'Create a child of an issue',
    permission: 'issue.create',
    scope: ofIssue(),
    body: createChildBody,
    keyInBody: true,
    status: 201,
    returns: issueView,
    headers: issueEntityTag,
    refuses: [...referenceRefusals, ...checkoutRefusals, 'run_required', 'approval_required'],
    handle: ({ ctx, target, body }) => createChild(ctx, target, body),
  }),
  get('/api/issues/:id', {
    summary: 'Read one issue with its relations, documents and work products',
    permission: 'issue.read',
    scope: ofIssue(),
    returns: issueDetailView,
    headers: issueEntityTag,
    refuses: ['not_found'],
    handle: ({ ctx, target }) => issueDetail(ctx.store.read, companyOf(ctx), target, ctx.actor),
  }),
  patch('/api/issues/:id', {
    summary: 'Change an issue, and comment on it in the same transaction',
    permission: 'issue.update',
    scope: ofIssue(),
    body: patchIssueBody,
    returns: patchedIssueView,
    headers: issueEntityTag,
    refuses: [
      ...referenceRefusals,
      ...gateRefusals,
      ...checkoutRefusals,
      'board_required',
      'field_not_permitted',
      'illegal_transition',
      'approval_required',
    ],
    handle: ({ ctx, target, body, preconditions }) => updateIssue(ctx, target, body, preconditions),
  }),
  del('/api/issues/:id', {
    summary: 'Delete an issue and the rows that belong to it; its audit rows stay',
    permission: 'issue.delete',
    scope: ofIssue(),
    returns: issueView,
    refuses: [...gateRefusals],
    handle: ({ ctx, target, preconditions }) => deleteIssue(ctx, target, preconditions),
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
    handle: ({ ctx, target, query }) => listComments(ctx, target, { ...query, after: query.after ?? query.afterCommentId }),
  }),
  post('/api/issues/:id/comments', {
    summary: 'Comment on an issue; every agent of the company may comment',
    permission: 'issue.comment',
    scope: ofIssue(),
    body: commentBody,
    keyInBody: true,
    status: 201,
    returns: commentView,
    refuses: ['not_found', ...unconditionalGateRefusals, 'board_required'],
    handle: ({ ctx, target, body }) => addComment(ctx, target, body),
  }),
  get('/api/issues/:id/comments/:commentId', {
    summary: 'Read one comment',
    permission: 'issue.read',
    scope: ofIssue(),
    returns: commentView,
    refuses: ['not_found'],
    handle: ({ ctx, target, params }) => getComment(ctx.store.read, companyOf(ctx), target, uuidParam(params, 'commentId')),
  }),
  get('/api/issues/:id/heartbeat-context', {
    summary: 'Read the context that an agent needs before it works on an issue',
    permission: 'issue.read',
    scope: ofIssue(),
    query: z.object({ wakeCommentId: z.uuid().optional() }),
    returns: heartbeatContextView,
    refuses: ['not_found'],
    handle: ({ ctx, target, query }) => contextWithWords(ctx, target, query.wakeCommentId ?? null),
  }),
  post('/api/issues/:id/read', {
    summary: 'Mark an issue as read by the acting person',
    permission: 'issue.inbox',
    scope: ofIssue(),
    body: z.object({}),
    bodyOptional: true,
    returns: readView,
    refuses: ['not_found'],
    handle: ({ ctx, target }) => markRead(ctx, target),
  }),
  del('/api/issues/:id/read', {
    summary: 'Remove the read mark of the acting person from an issue',
    permission: 'issue.inbox',
    scope: ofIssue(),
    returns: unreadView,
    refuses: ['not_found'],
    handle: ({ ctx, target }) => unmarkRead(ctx, target),
  }),
  post('/api/issues/:id/inbox-archive', {
    summary: "Archive an issue in the acting person's inbox until its next activity",
    permission: 'issue.inbox',
    scope: ofIssue(),
    body: z.object({}),
    bodyOptional: true,
    returns: archiveView,
    refuses: ['not_found'],
    handle: ({ ctx, target }) => archiveInInbox(ctx, target),
  }),
  del('/api/issues/:id/inbox-archive', {
    summary: "Return an archived issue to the acting person's inbox",
    permission: 'issue.inbox',
    scope: ofIssue(),
    returns: unarchivedView,
    refuses: ['not_found'],
    handle: ({ ctx, target }) => unarchiveInInbox(ctx, target),
  }),
  get('/api/companies/:companyId/inbox-dismissals', {
    summary: 'List the items that the acting person has dismissed, the latest first',
    permission: 'issue.inbox',
    scope: inCompany(),
    query: z.object(pageQuery),
    returnsPageOf: dismissalView,
    refuses: ['not_found'],
    handle: ({ ctx, query }) => listDismissals(ctx, query),
  }),
  post('/api/companies/:companyId/inbox-dismissals', {
    summary: "Dismiss an item in the acting person's inbox",
    permission: 'issue.inbox',
    scope: inCompany(),
    body: dismissBody,
    status: 201,
    returns: dismissalView,
    refuses: ['not_found'],
    handle: ({ ctx, body }) => dismissInInbox(ctx, body.itemKey),
  }),
]
