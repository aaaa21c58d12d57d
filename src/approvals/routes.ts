import { z } from 'zod'
import { inCompany, ofAgent, ofApproval, ofIssue } from '../access/scopes.ts'
import { okView, patchAgentBody } from '../agents/index.ts'
import { del, get, patch, post } from '../http/route.ts'
import type { Input } from '../http/route.ts'
import { refuse } from '../kernel/errors.ts'
import { pageQuery } from '../kernel/page.ts'
import { addApprovalComment, listApprovalComments } from './comments.ts'
import { configureAgent, rollBack } from './configure.ts'
import { decide } from './decide.ts'
import type { Verdict } from './decide.ts'
import { hireAgent } from './hire.ts'
import { linkApproval, listApprovalsOfIssue, listIssuesOfApproval, unlinkApproval } from './links.ts'
import { getApproval, listApprovals } from './queries.ts'
import { requestApproval, resubmit } from './request.ts'
import { tagOf } from './row.ts'
import { approvalStatus } from './status.ts'
import {
  approvalCommentBody,
  approvalCommentView,
  approvalView,
  configuredView,
  createApprovalBody,
  decideBody,
  hireBody,
  hiredView,
  linkBody,
  linkedIssueView,
  resubmitBody,
} from './views.ts'

const byName = z.object({ companyId: z.uuid().optional() })

const uuidOf = (value: string | undefined): string => {
  const id = z.uuid().safeParse(value)
  return id.success ? id.data.toLowerCase() : refuse('malformed_id')
}

const gate = [
  'lock_revoked',
  'checked_out_by_other',
  'not_assignee',
  'run_required',
  'run_ownership',
  'lock_epoch_mismatch',
  'precondition_failed',
] as const
const hiring = ['company_not_active', 'reporting_cycle', 'name_taken', 'agent_terminated', 'agent_pending', 'payload_invalid'] as const
const configuring = [
  'field_not_permitted',
  'name_taken',
  'reporting_cycle',
  'agent_terminated',
  'agent_pending',
  'illegal_transition',
] as const

const entityTag = (approval: { updatedAt: string }): Record<string, string> => ({ ETag: `"${tagOf(approval)}"` })

type Deciding = Input<unknown, z.output<typeof decideBody>>
const deciding =
  (verdict: Verdict) =>
  ({ ctx, target, body, expects }: Deciding) =>
    decide(ctx, target, { verdict, note: body.decisionNote ?? null, ifMatch: expects.ifMatch })

const decision = {
  permission: 'approval.decide',
  scope: ofApproval(),
  body: decideBody,
  bodyOptional: true,
  returns: approvalView,
  headers: entityTag,
  refuses: ['not_found', 'approval_decided', 'own_request', 'precondition_failed', ...hiring, 'illegal_transition'],
} as const

const proposed = { status: 202, when: (answer: { approval?: unknown }): boolean => answer.approval !== undefined } as const

export const approvalRoutes = [
  get('/api/companies/:companyId/approvals', {
    summary: 'List approvals, newest first',
    permission: 'approval.read',
    scope: inCompany(),
    query: z.object({ status: z.enum(approvalStatus.statuses).optional(), ...pageQuery }),
    returnsPageOf: approvalView,
    refuses: ['not_found'],
    handle: ({ ctx, query }) => listApprovals(ctx, query),
  }),
  post('/api/companies/:companyId/approvals', {
    summary: 'Ask the board for a decision',
    permission: 'approval.create',
    scope: inCompany(),
    body: createApprovalBody,
    status: 201,
    returns: approvalView,
    headers: entityTag,
    refuses: ['not_found', 'payload_invalid', ...gate],
    handle: ({ ctx, body }) => requestApproval(ctx, body),
  }),
  get('/api/approvals/:id', {
    summary: 'Read one approval',
    permission: 'approval.read',
    scope: ofApproval(),
    returns: approvalView,
    headers: entityTag,
    refuses: ['not_found'],
    handle: ({ ctx, target }) => getApproval(ctx, target),
  }),
  post('/api/approvals/:id/approve', {
    summary: 'Grant an approval and what it asks for',
    ...decision,
    handle: deciding('approved'),
  }),
  post('/api/approvals/:id/reject', {
    summary: 'Reject an approval; an agent to be hired is terminated',
    ...decision,
    handle: deciding('rejected'),
  }),
  post('/api/approvals/:id/request-revision', {
    summary: 'Send an approval back to whoever asked',
    ...decision,
    handle: deciding('revision_requested'),
  }),
  post('/api/approvals/:id/resubmit', {
    summary: 'Send an approval again after its revision',
    permission: 'approval.resubmit',
    scope: ofApproval(),
    body: resubmitBody,
    bodyOptional: true,
    returns: approvalView,
    headers: entityTag,
    refuses: ['not_found', 'not_requester', 'approval_decided', 'field_not_permitted', ...hiring],
    handle: ({ ctx, target, body }) => resubmit(ctx, target, body.payload),
  }),
  get('/api/approvals/:id/issues', {
    summary: 'List issues an approval is linked to',
    permission: 'approval.read',
    scope: ofApproval(),
    returns: z.array(linkedIssueView),
    refuses: ['not_found'],
    handle: ({ ctx, target }) => listIssuesOfApproval(ctx, target),
  }),
  get('/api/approvals/:id/comments', {
    summary: 'List comments of an approval, oldest first',
    permission: 'approval.read',
    scope: ofApproval(),
    query: z.object(pageQuery),
    returnsPageOf: approvalCommentView,
    refuses: ['not_found'],
    handle: ({ ctx, target, query }) => listApprovalComments(ctx, target, query),
  }),
  post('/api/approvals/:id/comments', {
    summary: 'Comment on an approval',
    permission: 'approval.comment',
    scope: ofApproval(),
    body: approvalCommentBody,
    status: 201,
    returns: approvalCommentView,
    refuses: ['not_found'],
    handle: ({ ctx, target, body }) => addApprovalComment(ctx, target, body.body),
  }),
  get('/api/issues/:id/approvals', {
    summary: 'List approvals an issue is linked to',
    permission: 'approval.read',
    scope: ofIssue(),
    returns: z.array(approvalView),
    refuses: ['not_found'],
    handle: ({ ctx, target }) => listApprovalsOfIssue(ctx, target),
  }),
  post('/api/issues/:id/approvals', {
    summary: 'Link an approval to an issue',
    permission: 'approval.link',
    scope: ofIssue(),
    body: linkBody,
    status: 201,
    returns: z.array(approvalView),
    refuses: ['not_found', ...gate],
    handle: ({ ctx, target, body, expects }) => linkApproval(ctx, target, body.approvalId, expects),
  }),
  del('/api/issues/:id/approvals/:approvalId', {
    summary: 'Take an approval off an issue',
    permission: 'approval.link',
    scope: ofIssue(),
    returns: okView,
    refuses: ['not_found', ...gate],
    handle: ({ ctx, target, params, expects }) => unlinkApproval(ctx, target, uuidOf(params['approvalId']), expects),
  }),
  post('/api/companies/:companyId/agent-hires', {
    summary: 'Hire an agent, or ask the board to',
    permission: 'agent.hire',
    scope: inCompany(),
    body: hireBody,
    status: 201,
    returns: hiredView,
    refuses: ['not_found', 'company_not_active', 'reporting_cycle', ...gate],
    handle: ({ ctx, body }) => hireAgent(ctx, body),
  }),
  patch('/api/agents/:id', {
    summary: 'Change an agent; what this host would run an agent may only propose, which answers 202 with the approval',
    permission: 'agent.update',
    scope: ofAgent(),
    query: byName,
    body: patchAgentBody,
    returns: configuredView,
    also: proposed,
    refuses: ['not_found', ...configuring],
    handle: ({ ctx, target, body }) => configureAgent(ctx, target, body),
  }),
  post('/api/agents/:id/config-revisions/:revisionId/rollback', {
    summary: 'Take the configuration of an agent back to a revision; by an agent, a proposal as with a change',
    permission: 'agent.update',
    scope: ofAgent(),
    query: byName,
    body: z.object({}),
    bodyOptional: true,
    returns: configuredView,
    also: proposed,
    refuses: ['not_found', 'revision_incomplete', ...configuring],
    handle: ({ ctx, target, params }) => rollBack(ctx, target, uuidOf(params['revisionId'])),
  }),
]
