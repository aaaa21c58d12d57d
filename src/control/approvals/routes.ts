import { z } from 'zod'
import { inCompany, ofAgent, ofApproval, ofIssue } from '../../auth/scopes.ts'
import { agentView, okView, patchAgentBody, permissionsBody, shortnameQuery } from '../../org/agents/index.ts'
import type { ConfigurationChecks } from '../../org/agents/index.ts'
import { gateRefusals, unconditionalGateRefusals } from '../../engine/holds/index.ts'
import { rowTag } from '../../http/entityTag.ts'
import { del, get, patch, post } from '../../http/route.ts'
import type { Input, Route } from '../../http/route.ts'
import { uuidParam } from '../../http/uuidParam.ts'
import { pageQuery } from '../../platform/kernel/page.ts'
import { addApprovalComment, listApprovalComments } from './comments.ts'
import { configureAgent, rollBackConfiguration, setPermissions } from './configure.ts'
import { approveHireOf, decideApproval } from './decide.ts'
import type { DecisionOutcome } from './decide.ts'
import { hireAgent } from './hire.ts'
import { linkApproval, listApprovalsOfIssue, listIssuesOfApproval, unlinkApproval } from './links.ts'
import { getApproval, listApprovals } from './queries.ts'
import { requestApproval, resubmitApproval } from './request.ts'
import { entityTagOf } from './present.ts'
import type { ApprovalDetail } from './present.ts'
import { approvalStatus } from '../../model/approvalStatus.ts'
import {
  approvalCommentBody,
  approvalCommentView,
  approvalDetailView,
  approvalView,
  configuredView,
  proposalStatus,
  createApprovalBody,
  decideBody,
  hireBody,
  hiredView,
  linkBody,
  linkedIssueView,
  permittedView,
  resubmitBody,
} from './views.ts'

const hireRefusals = [
  'company_not_active',
  'reporting_cycle',
  'name_taken',
  'agent_terminated',
  'agent_pending',
  'payload_invalid',
] as const
const configureRefusals = [
  'payload_invalid',
  'field_not_permitted',
  'name_taken',
  'reporting_cycle',
  'agent_terminated',
  'agent_pending',
  'illegal_transition',
] as const

const entityTagHeader = (approval: Pick<ApprovalDetail, 'updatedAt' | 'payloadHash'>): Record<string, string> => ({
  ETag: `"${entityTagOf(approval)}"`,
})

type DecideInput = Input<unknown, z.output<typeof decideBody>>
const decideAs =
  (outcome: DecisionOutcome) =>
  ({ ctx, target, body, preconditions }: DecideInput) =>
    decideApproval(ctx, target, {
      outcome,
      note: body.decisionNote ?? null,
      ifMatch: preconditions.ifMatch,
      payloadHash: body.payloadHash ?? null,
    })

const decisionRefusals = [
  'not_found',
  'approval_cancelled',
  'approval_decided',
  'own_request',
  'precondition_failed',
  'approval_changed',
  'document_stale',
  ...hireRefusals,
  'illegal_transition',
] as const

const decisionRoute = {
  permission: 'approval.decide',
  scope: ofApproval(),
  body: decideBody,
  bodyOptional: true,
  returns: approvalDetailView,
  headers: entityTagHeader,
  refuses: decisionRefusals,
} as const

const routesWithoutChecks: readonly Route[] = [
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
    keyInBody: true,
    status: 201,
    returns: approvalDetailView,
    headers: entityTagHeader,
    refuses: ['not_found', 'payload_invalid', ...unconditionalGateRefusals],
    handle: ({ ctx, body }) => requestApproval(ctx, body),
  }),
  get('/api/approvals/:id', {
    summary: 'Read one approval',
    permission: 'approval.read',
    scope: ofApproval(),
    returns: approvalDetailView,
    headers: entityTagHeader,
    refuses: ['not_found'],
    handle: ({ ctx, target }) => getApproval(ctx, target),
  }),
  post('/api/approvals/:id/approve', {
    summary: 'Approve a request, with its effect',
    ...decisionRoute,
    handle: decideAs('approved'),
  }),
  post('/api/agents/:id/approve', {
    summary: 'Approve the hire of an agent',
    permission: 'approval.decide',
    scope: ofAgent(),
    query: shortnameQuery,
    body: decideBody,
    bodyOptional: true,
    returns: agentView,
    refuses: decisionRefusals.filter((code) => code !== 'precondition_failed'),
    handle: ({ ctx, target, body }) =>
      approveHireOf(ctx, target, { note: body.decisionNote ?? null, ifMatch: null, payloadHash: body.payloadHash ?? null }),
  }),
  post('/api/approvals/:id/reject', {
    summary: 'Reject an approval; an agent to be hired is terminated',
    ...decisionRoute,
    handle: decideAs('rejected'),
  }),
  post('/api/approvals/:id/request-revision', {
    summary: 'Send an approval back to its requester',
    ...decisionRoute,
    handle: decideAs('revision_requested'),
  }),
  post('/api/approvals/:id/resubmit', {
    summary: 'Resubmit an approval after its revision',
    permission: 'approval.resubmit',
    scope: ofApproval(),
    body: resubmitBody,
    bodyOptional: true,
    returns: approvalDetailView,
    headers: entityTagHeader,
    refuses: ['not_found', 'not_requester', 'approval_cancelled', 'approval_decided', 'field_not_permitted', ...hireRefusals],
    handle: ({ ctx, target, body }) => resubmitApproval(ctx, target, body.payload),
  }),
  get('/api/approvals/:id/issues', {
    summary: 'List issues an approval is linked to',
    permission: 'approval.read',
    scope: ofApproval(),
    query: z.object(pageQuery),
    returnsPageOf: linkedIssueView,
    refuses: ['not_found'],
    handle: ({ ctx, target, query }) => listIssuesOfApproval(ctx, target, query),
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
    keyInBody: true,
    status: 201,
    returns: approvalCommentView,
    refuses: ['not_found'],
    handle: ({ ctx, target, body }) => addApprovalComment(ctx, target, body.body),
  }),
  get('/api/issues/:id/approvals', {
    summary: 'List approvals an issue is linked to',
    permission: 'approval.read',
    scope: ofIssue(),
    query: z.object(pageQuery),
    returnsPageOf: approvalView,
    refuses: ['not_found'],
    handle: ({ ctx, target, query }) => listApprovalsOfIssue(ctx, target, query),
  }),
  post('/api/issues/:id/approvals', {
    summary: 'Link an approval to an issue',
    permission: 'approval.link',
    scope: ofIssue(),
    body: linkBody,
    status: 201,
    returns: z.array(approvalView),
    refuses: ['not_found', ...gateRefusals],
    handle: ({ ctx, target, body, preconditions }) => linkApproval(ctx, target, body.approvalId, preconditions),
  }),
  del('/api/issues/:id/approvals/:approvalId', {
    summary: 'Remove the link of an approval to an issue',
    permission: 'approval.link',
    scope: ofIssue(),
    returns: okView,
    refuses: ['not_found', ...gateRefusals],
    handle: ({ ctx, target, params, preconditions }) => unlinkApproval(ctx, target, uuidParam(params, 'approvalId'), preconditions),
  }),
  patch('/api/agents/:id/permissions', {
    summary: 'Set the permissions of an agent beyond its role; a CEO can only propose to grant one: 202 with the approval',
    permission: 'agent.permissions',
    scope: ofAgent(),
    query: shortnameQuery,
    body: permissionsBody,
    returns: permittedView,
    altStatus: proposalStatus,
    refuses: ['not_found', 'agent_terminated', 'agent_pending'],
    handle: ({ ctx, target, body }) => setPermissions(ctx, target, body),
  }),
  post('/api/agents/:id/config-revisions/:revisionId/rollback', {
    summary: 'Roll the configuration of an agent back to a revision; by an agent it is a proposal, as a change is',
    permission: 'agent.update',
    scope: ofAgent(),
    query: shortnameQuery,
    body: z.object({}),
    bodyOptional: true,
    returns: configuredView,
    altStatus: proposalStatus,
    refuses: ['not_found', 'revision_incomplete', ...configureRefusals],
    handle: ({ ctx, target, params }) => rollBackConfiguration(ctx, target, uuidParam(params, 'revisionId')),
  }),
]

/** The routes of approvals, and of requests that may become one. @param checks the knowledge of `test-environment` of a configuration */
export const approvalRoutes = (checks: ConfigurationChecks): Route[] => [
  post('/api/companies/:companyId/agent-hires', {
    summary: 'Hire an agent, or ask the board to',
    permission: 'agent.hire',
    scope: inCompany(),
    body: hireBody,
    status: 201,
    returns: hiredView,
    refuses: ['not_found', 'payload_invalid', 'company_not_active', 'reporting_cycle', ...unconditionalGateRefusals],
    handle: ({ ctx, body }) => hireAgent(ctx, body, checks),
  }),
  patch('/api/agents/:id', {
    summary: 'Change an agent; an agent can only propose what gives power or decides what this host runs: 202 with the approval',
    permission: 'agent.update',
    scope: ofAgent(),
    query: shortnameQuery,
    body: patchAgentBody,
    returns: configuredView,
    headers: rowTag,
    altStatus: proposalStatus,
    refuses: ['not_found', ...configureRefusals, 'precondition_failed'],
    handle: ({ ctx, target, body, preconditions }) =>
      configureAgent(ctx, target, { changes: body, ifMatch: preconditions.ifMatch }, checks),
  }),
  ...routesWithoutChecks,
]
