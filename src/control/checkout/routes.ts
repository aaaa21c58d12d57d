import { z } from 'zod'
import { inCompany, ofIssue } from '../../auth/scopes.ts'
import { get, post } from '../../http/route.ts'
import { invokableRefusals } from '../../org/agents/index.ts'
import { pageQuery } from '../../platform/kernel/page.ts'
import { issueEntityTag, labelledIssueView } from '../../work/issues/index.ts'
import { checkout } from './checkout.ts'
import { claimIssue } from './claimIssue.ts'
import { forceRelease } from './forceRelease.ts'
import { listHolds, readHold } from './holds.ts'
import { release } from './release.ts'
import {
  checkoutBody,
  claimBody,
  claimedView,
  forceReleaseBody,
  forceReleasedView,
  forceReleaseQuery,
  holdDetailView,
  holdView,
} from './views.ts'

const checkoutRefusals = [
  'lock_revoked',
  'issue_held',
  'issue_assigned',
  'issue_blocked',
  'project_paused',
  'status_unexpected',
  'other_company',
  ...invokableRefusals,
] as const

export const checkoutRoutes = [
  post('/api/issues/:id/checkout', {
    summary: 'Take an issue for one run',
    permission: 'issue.checkout',
    scope: ofIssue(),
    body: checkoutBody,
    returns: labelledIssueView,
    headers: issueEntityTag,
    refuses: ['not_found', 'run_required', ...checkoutRefusals],
    handle: ({ ctx, target, body }) => checkout(ctx, target, body),
  }),
  post('/api/issues/:id/release', {
    summary: 'Release an issue',
    permission: 'issue.release',
    scope: ofIssue(),
    body: z.object({}),
    bodyOptional: true,
    returns: labelledIssueView,
    headers: issueEntityTag,
    refuses: [
      'not_found',
      'run_required',
      'release_not_assignee',
      'release_not_holder',
      'lock_revoked',
      'lock_epoch_mismatch',
      'precondition_failed',
    ],
    handle: ({ ctx, target, preconditions }) => release(ctx, target, preconditions),
  }),
  post('/api/issues/:id/admin/force-release', {
    summary: 'End every hold on an issue permanently',
    permission: 'issue.forceRelease',
    scope: ofIssue(),
    query: forceReleaseQuery,
    body: forceReleaseBody,
    bodyOptional: true,
    returns: forceReleasedView,
    refuses: ['not_found', 'holder_changed'],
    handle: ({ ctx, target, query, body }) =>
      forceRelease(ctx, target, {
        ...query,
        reason: body.reason ?? null,
        expectedRunId: body.expectedRunId ?? null,
        cancelRun: body.cancelRun ?? false,
      }),
  }),
  post('/api/companies/:companyId/issues/claim', {
    summary: 'Claim the next issue that the acting run may work on',
    permission: 'issue.claim',
    scope: inCompany(),
    body: claimBody,
    bodyOptional: true,
    returns: claimedView,
    emptyAs204: true,
    refuses: ['not_found', 'run_required', ...invokableRefusals],
    handle: ({ ctx, body }) => claimIssue(ctx, body),
  }),
  get('/api/companies/:companyId/locks', {
    summary: 'List every hold of a company, live or dead',
    permission: 'lock.read',
    scope: inCompany(),
    query: z.object({ state: z.enum(['live', 'dead', 'all']).default('all'), ...pageQuery }),
    returnsPageOf: holdView,
    refuses: ['not_found'],
    handle: ({ ctx, query }) => listHolds(ctx, query),
  }),
  get('/api/issues/:id/lock', {
    summary: 'Read the hold on an issue and its history',
    permission: 'lock.read',
    scope: ofIssue(),
    returns: holdDetailView,
    refuses: ['not_found'],
    handle: ({ ctx, target }) => readHold(ctx, target),
  }),
]
