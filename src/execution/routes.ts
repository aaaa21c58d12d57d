import { z } from 'zod'
import { inCompany, ofAgent, ofIssue, ofMyself, ofRun } from '../access/scopes.ts'
import type { RunTokens } from '../access/runTokens.ts'
import { agentView, okView } from '../agents/index.ts'
import { companyView } from '../companies/index.ts'
import { companyOf } from '../db/context.ts'
import { del, get, post } from '../http/route.ts'
import type { Route } from '../http/route.ts'
import { inboxItem, inboxOf, issueListItem, issueStatus, labelledIssueView, listIssues } from '../issues/index.ts'
import { pageQuery } from '../kernel/page.ts'
import { runView } from '../runs/index.ts'
import { cancelRun } from './cancel.ts'
import { checkout } from './checkout.ts'
import { claim } from './claim.ts'
import { archiveCompany, deleteCompany } from './closeCompany.ts'
import { deleteAgent } from './deleteAgent.ts'
import { finishRun } from './finish.ts'
import { forceRelease } from './forceRelease.ts'
import { heartbeat } from './heartbeat.ts'
import { listLocks, readLock } from './locks.ts'
import { openRun } from './openRun.ts'
import { release } from './release.ts'
import { pauseAgent, resumeAgent, terminateAgent } from './standDown.ts'
import {
  checkoutBody,
  claimBody,
  claimedView,
  finishBody,
  forceReleaseBody,
  forceReleasedView,
  forceReleaseQuery,
  lockDetailView,
  lockView,
  openedRunView,
  openRunBody,
  pulseView,
} from './views.ts'

const entityTag = (issue: { version: number }): Record<string, string> => ({ ETag: `"${issue.version}"` })
/** Statuses, comma-separated. */
const statusList = z
  .string()
  .transform((text) => text.split(','))
  .pipe(z.array(z.enum(issueStatus.statuses)))
const notCancelled = issueStatus.statuses.filter((status) => status !== 'cancelled')
const byName = z.object({ companyId: z.uuid().optional() })

const asker = ['agent_not_invokable', 'agent_over_budget', 'company_not_active'] as const
const taking = [
  'lock_revoked',
  'issue_held',
  'issue_assigned',
  'issue_blocked',
  'project_paused',
  'status_unexpected',
  'other_company',
  ...asker,
] as const

export const executionRoutes = (tokens: RunTokens): Route[] => [
  post('/api/issues/:id/checkout', {
    summary: 'Take an issue for one run',
    permission: 'issue.checkout',
    scope: ofIssue(),
    body: checkoutBody,
    returns: labelledIssueView,
    headers: entityTag,
    refuses: ['not_found', 'run_required', ...taking],
    handle: ({ ctx, target, body }) => checkout(ctx, target, body),
  }),
  post('/api/issues/:id/release', {
    summary: 'Give an issue back',
    permission: 'issue.release',
    scope: ofIssue(),
    body: z.object({}),
    bodyOptional: true,
    returns: labelledIssueView,
    headers: entityTag,
    refuses: [
      'not_found',
      'run_required',
      'release_not_assignee',
      'release_not_holder',
      'lock_revoked',
      'lock_epoch_mismatch',
      'precondition_failed',
    ],
    handle: ({ ctx, target, expects }) => release(ctx, target, expects),
  }),
  post('/api/issues/:id/admin/force-release', {
    summary: 'End every hold on an issue for good',
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
    summary: 'Take the next issue the asking run may work on',
    permission: 'issue.claim',
    scope: inCompany(),
    body: claimBody,
    bodyOptional: true,
    returns: claimedView,
    or204: true,
    refuses: ['not_found', 'run_required', ...asker],
    handle: ({ ctx, body }) => claim(ctx, body),
  }),
  get('/api/companies/:companyId/locks', {
    summary: 'List every hold of a company, live or dead',
    permission: 'lock.read',
    scope: inCompany(),
    query: z.object({ state: z.enum(['live', 'dead', 'all']).default('all'), ...pageQuery }),
    returnsPageOf: lockView,
    refuses: ['not_found'],
    handle: ({ ctx, query }) => listLocks(ctx, query),
  }),
  get('/api/issues/:id/lock', {
    summary: 'Read the hold on an issue and its history',
    permission: 'lock.read',
    scope: ofIssue(),
    returns: lockDetailView,
    refuses: ['not_found'],
    handle: ({ ctx, target }) => readLock(ctx, target),
  }),
  post('/api/agents/:id/runs', {
    summary: 'Open a run for an agent that lives elsewhere',
    permission: 'run.open',
    scope: ofAgent(),
    query: byName,
    body: openRunBody,
    bodyOptional: true,
    status: 201,
    returns: openedRunView,
    refuses: ['not_found', ...asker],
    handle: ({ ctx, target, body }) => openRun(ctx, tokens, target, body),
  }),
  post('/api/heartbeat-runs/:runId/heartbeat', {
    summary: 'Renew the lease of a run and learn what it holds and has lost',
    permission: 'run.heartbeat',
    scope: ofRun(),
    body: z.object({}),
    bodyOptional: true,
    returns: pulseView,
    refuses: ['not_found'],
    handle: ({ ctx, target }) => heartbeat(ctx, target),
  }),
  post('/api/heartbeat-runs/:runId/finish', {
    summary: 'Say how a run ended; frees what it holds',
    permission: 'run.finish',
    scope: ofRun(),
    body: finishBody,
    returns: runView,
    refuses: ['not_found', 'run_outcome_fixed', 'illegal_transition'],
    handle: ({ ctx, target, body }) => finishRun(ctx, target, body),
  }),
  post('/api/heartbeat-runs/:runId/cancel', {
    summary: 'Cancel a run and free what it holds',
    permission: 'run.cancel',
    scope: ofRun(),
    body: z.object({}),
    bodyOptional: true,
    returns: runView,
    refuses: ['not_found'],
    handle: ({ ctx, target }) => cancelRun(ctx, target),
  }),
  get('/api/agents/me/inbox-lite', {
    summary: "List the asking agent's own open issues",
    permission: 'agent.me',
    scope: ofMyself,
    returns: z.array(inboxItem),
    refuses: [],
    handle: ({ ctx, target }) => inboxOf(ctx.store.read, companyOf(ctx), target),
  }),
  get('/api/agents/me/inbox/mine', {
    summary: "List the issues in a person's inbox, for an agent that works for them",
    permission: 'agent.me',
    scope: ofMyself,
    query: z.object({ userId: z.string().min(1).max(200), status: statusList.optional(), ...pageQuery }),
    returnsPageOf: issueListItem,
    refuses: [],
    handle: ({ ctx, query: { userId, status, ...page } }) =>
      listIssues(
        ctx.store.read,
        companyOf(ctx),
        { touchedByUserId: userId, inboxArchivedByUserId: userId, status: status ?? notCancelled },
        page,
      ),
  }),
  post('/api/agents/:id/pause', {
    summary: 'Pause an agent and end its runs',
    permission: 'agent.stand',
    scope: ofAgent(),
    query: byName,
    body: z.object({}),
    bodyOptional: true,
    returns: agentView,
    refuses: ['not_found', 'agent_terminated', 'agent_pending', 'illegal_transition'],
    handle: ({ ctx, target }) => pauseAgent(ctx, target),
  }),
  post('/api/agents/:id/resume', {
    summary: 'Take an agent out of its pause',
    permission: 'agent.stand',
    scope: ofAgent(),
    query: byName,
    body: z.object({}),
    bodyOptional: true,
    returns: agentView,
    refuses: ['not_found', 'agent_terminated', 'agent_pending', 'illegal_transition'],
    handle: ({ ctx, target }) => resumeAgent(ctx, target),
  }),
  post('/api/agents/:id/terminate', {
    summary: 'End an agent for good: its runs, its keys, its status',
    permission: 'agent.stand',
    scope: ofAgent(),
    query: byName,
    body: z.object({}),
    bodyOptional: true,
    returns: agentView,
    refuses: ['not_found', 'illegal_transition'],
    handle: ({ ctx, target }) => terminateAgent(ctx, target),
  }),
  del('/api/agents/:id', {
    summary: 'Delete an agent and what hangs on it; its audit stays',
    permission: 'agent.delete',
    scope: ofAgent(),
    query: byName,
    returns: okView,
    refuses: ['not_found'],
    handle: ({ ctx, target }) => deleteAgent(ctx, target),
  }),
  post('/api/companies/:companyId/archive', {
    summary: 'Archive a company and end its runs',
    permission: 'company.archive',
    scope: inCompany(),
    body: z.object({}),
    bodyOptional: true,
    returns: companyView,
    refuses: ['not_found'],
    handle: ({ ctx }) => archiveCompany(ctx),
  }),
  del('/api/companies/:companyId', {
    summary: 'Delete a company and what is in it; its audit stays',
    permission: 'company.delete',
    scope: inCompany(),
    returns: okView,
    refuses: ['not_found'],
    handle: ({ ctx }) => deleteCompany(ctx),
  }),
]
