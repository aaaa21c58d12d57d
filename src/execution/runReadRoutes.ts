import { z } from 'zod'
import { inCompany, ofIssue, ofRun } from '../access/scopes.ts'
import { get } from '../http/route.ts'
import { pageQuery } from '../kernel/page.ts'
import { activeRunOf, issueRuns, issuesOfRun, liveRunsOf, liveRunsOfCompany } from './runReads.ts'
import { activeRunView, companyLiveRunView, issueRunView, liveRunView, runIssueView } from './runReadViews.ts'

export const runReadRoutes = [
  get('/api/companies/:companyId/live-runs', {
    summary: 'List live runs of a company, filled up with recent ones',
    permission: 'run.read',
    scope: inCompany(),
    query: z.object({ minCount: z.coerce.number().int().min(0).max(20).default(0) }),
    returns: z.array(companyLiveRunView),
    refuses: ['not_found'],
    handle: ({ ctx, query }) => liveRunsOfCompany(ctx, query.minCount),
  }),
  get('/api/heartbeat-runs/:runId/issues', {
    summary: 'List issues that a run has had to do with',
    permission: 'run.read',
    scope: ofRun(),
    returns: z.array(runIssueView),
    refuses: ['not_found'],
    handle: ({ ctx, target }) => issuesOfRun(ctx, target),
  }),
  get('/api/issues/:id/runs', {
    summary: 'List runs that an issue has seen, newest first',
    permission: 'run.read',
    scope: ofIssue(),
    query: z.object(pageQuery),
    returnsPageOf: issueRunView,
    refuses: ['not_found'],
    handle: ({ ctx, target, query }) => issueRuns(ctx, target, query),
  }),
  get('/api/issues/:issueId/live-runs', {
    summary: 'List live runs of an issue',
    permission: 'run.read',
    scope: ofIssue('issueId'),
    returns: z.array(liveRunView),
    refuses: ['not_found'],
    handle: ({ ctx, target }) => liveRunsOf(ctx, target),
  }),
  get('/api/issues/:issueId/active-run', {
    summary: 'Read the run whose execution an issue is, or null',
    permission: 'run.read',
    scope: ofIssue('issueId'),
    returns: activeRunView,
    refuses: ['not_found'],
    handle: ({ ctx, target }) => activeRunOf(ctx, target),
  }),
]
