import { z } from 'zod'
import type { RunTokens } from '../../auth/runTokens.ts'
import { inCompany, ofAgent, ofIssue, ofRun } from '../../auth/scopes.ts'
import { runView } from '../../engine/runs/index.ts'
import { reasonBody } from '../../http/reasonBody.ts'
import { get, post } from '../../http/route.ts'
import type { Route } from '../../http/route.ts'
import { invokableRefusals, shortnameQuery } from '../../org/agents/index.ts'
import { pageQuery } from '../../platform/kernel/page.ts'
import { cancelRun } from './cancel.ts'
import { finishRun } from './finish.ts'
import { heartbeat } from './heartbeat.ts'
import { openRun } from './openRun.ts'
import { activeRunOfIssue, issueRuns, issuesOfRun, liveRunsOfCompany, liveRunsOfIssue } from './runReads.ts'
import { activeRunView, companyLiveRunView, issueRunView, liveRunsQuery, liveRunView, runIssueView } from './runReadViews.ts'
import { listTaskSessions, readRuntimeState, resetSessions } from './runtimeState.ts'
import {
  finishBody,
  heartbeatResponseView,
  openedRunView,
  openRunBody,
  resetSessionBody,
  resetSessionView,
  runtimeStateView,
  taskSessionView,
} from './views.ts'

const routesWithoutTokens: readonly Route[] = [
  post('/api/heartbeat-runs/:runId/heartbeat', {
    summary: 'Renew the lease of a run and read its holds and revoked issues',
    permission: 'run.heartbeat',
    scope: ofRun(),
    body: z.object({}),
    bodyOptional: true,
    returns: heartbeatResponseView,
    refuses: ['not_found'],
    handle: ({ ctx, target }) => heartbeat(ctx, target),
  }),
  post('/api/heartbeat-runs/:runId/finish', {
    summary: 'Finish a run and free the issues it holds',
    permission: 'run.finish',
    scope: ofRun(),
    body: finishBody,
    endsRun: true,
    returns: runView,
    refuses: ['not_found', 'run_outcome_fixed', 'illegal_transition'],
    handle: ({ ctx, target, body }) => finishRun(ctx, target, body),
  }),
  post('/api/heartbeat-runs/:runId/cancel', {
    summary: 'Cancel a run and free the issues it holds',
    permission: 'run.cancel',
    scope: ofRun(),
    body: reasonBody,
    bodyOptional: true,
    returns: runView,
    refuses: ['not_found'],
    handle: ({ ctx, target, body }) => cancelRun(ctx, target, body.reason),
  }),
  get('/api/companies/:companyId/live-runs', {
    summary: 'List live runs of a company, filled up with recent ones',
    permission: 'run.read',
    scope: inCompany(),
    query: liveRunsQuery,
    returns: z.array(companyLiveRunView),
    refuses: ['not_found'],
    handle: ({ ctx, query }) => liveRunsOfCompany(ctx, query),
  }),
  get('/api/heartbeat-runs/:runId/issues', {
    summary: 'List issues that are related to a run',
    permission: 'run.read',
    scope: ofRun(),
    returns: z.array(runIssueView),
    refuses: ['not_found'],
    handle: ({ ctx, target }) => issuesOfRun(ctx, target),
  }),
  get('/api/issues/:id/runs', {
    summary: 'List runs of an issue, newest first',
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
    handle: ({ ctx, target }) => liveRunsOfIssue(ctx, target),
  }),
  get('/api/issues/:issueId/active-run', {
    summary: 'Read the active run of an issue, or null',
    permission: 'run.read',
    scope: ofIssue('issueId'),
    returns: activeRunView,
    refuses: ['not_found'],
    handle: ({ ctx, target }) => activeRunOfIssue(ctx, target),
  }),
  get('/api/agents/:id/runtime-state', {
    summary: 'Read the runtime state of an agent',
    permission: 'agent.runtime',
    scope: ofAgent(),
    query: shortnameQuery,
    returns: runtimeStateView,
    refuses: ['not_found'],
    handle: ({ ctx, target }) => readRuntimeState(ctx, target),
  }),
  get('/api/agents/:id/task-sessions', {
    summary: 'List the sessions that an agent resumes, one for each task, newest first; each is reset by its task key',
    permission: 'agent.runtime',
    scope: ofAgent(),
    query: shortnameQuery,
    returns: z.array(taskSessionView),
    refuses: ['not_found'],
    handle: ({ ctx, target }) => listTaskSessions(ctx, target),
  }),
  post('/api/agents/:id/runtime-state/reset-session', {
    summary: 'Delete the stored sessions of an agent: of one task, or all',
    permission: 'agent.runtime',
    scope: ofAgent(),
    query: shortnameQuery,
    body: resetSessionBody,
    bodyOptional: true,
    returns: resetSessionView,
    refuses: ['not_found'],
    handle: ({ ctx, target, body }) => resetSessions(ctx, target, body.taskKey ?? null),
  }),
]

/** The life of a run, and the reads of which run is related to which issue. */
export const executionRoutes = (tokens: RunTokens): Route[] => [
  post('/api/agents/:id/runs', {
    summary: 'Open a run for an agent on another host',
    permission: 'run.open',
    scope: ofAgent(),
    query: shortnameQuery,
    body: openRunBody,
    bodyOptional: true,
    status: 201,
    returns: openedRunView,
    refuses: ['not_found', ...invokableRefusals],
    handle: ({ ctx, target, body }) => openRun(ctx, tokens, target, body),
  }),
  ...routesWithoutTokens,
]
