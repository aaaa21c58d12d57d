import { z } from 'zod'
import { inCompany, ofExistingIssue, ofFeedbackTrace, ofIssue } from '../../auth/scopes.ts'
import { get, post } from '../../http/route.ts'
import { pageQuery } from '../../platform/kernel/page.ts'
import { getTraceBundle, listTraces, listVotes, getTrace } from './queries.ts'
import { bundleView, payloadQuery, tracesQuery, traceView, voteBody, voteView } from './views.ts'
import { saveFeedbackVote } from './vote.ts'

export const feedbackRoutes = [
  get('/api/issues/:id/feedback-votes', {
    summary: 'List the votes of the caller on comments and documents of an issue',
    permission: 'feedback.read',
    scope: ofExistingIssue(),
    query: z.object(pageQuery),
    returnsPageOf: voteView,
    refuses: ['not_found', 'malformed_cursor'],
    handle: ({ ctx, target, query }) => listVotes(ctx, target, query),
  }),
  post('/api/issues/:id/feedback-votes', {
    summary: 'Vote on a comment or a document revision; a later vote replaces an earlier one',
    permission: 'feedback.vote',
    scope: ofIssue(),
    body: voteBody,
    status: 201,
    returns: voteView,
    refuses: ['not_found', 'sharing_not_consented'],
    handle: ({ ctx, target, body }) => saveFeedbackVote(ctx, target, body),
  }),
  get('/api/companies/:companyId/feedback-traces', {
    summary: 'List traces of votes in a company, newest first',
    permission: 'feedback.read',
    scope: inCompany(),
    query: tracesQuery,
    returnsPageOf: traceView,
    refuses: ['not_found', 'malformed_cursor'],
    handle: ({ ctx, query }) => listTraces(ctx, query),
  }),
  get('/api/issues/:id/feedback-traces', {
    summary: 'List traces of votes on an issue, newest first',
    permission: 'feedback.read',
    scope: ofExistingIssue(),
    query: tracesQuery,
    returnsPageOf: traceView,
    refuses: ['not_found', 'malformed_cursor'],
    handle: ({ ctx, target, query }) => listTraces(ctx, { ...query, issueId: target }),
  }),
  get('/api/feedback-traces/:traceId', {
    summary: 'Read one trace of a vote',
    permission: 'feedback.read',
    scope: ofFeedbackTrace(),
    query: payloadQuery,
    returns: traceView,
    refuses: ['not_found'],
    handle: ({ ctx, target, query }) => getTrace(ctx, target, query.includePayload === true),
  }),
  get('/api/feedback-traces/:traceId/bundle', {
    summary: 'Read one trace of a vote with its target, issue and company',
    permission: 'feedback.read',
    scope: ofFeedbackTrace(),
    returns: bundleView,
    refuses: ['not_found'],
    handle: ({ ctx, target }) => getTraceBundle(ctx, target),
  }),
]
