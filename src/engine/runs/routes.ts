import { z } from 'zod'
import { inCompany, ofUnsupportedKind, ofRun } from '../../auth/scopes.ts'
import { get } from '../../http/route.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { listRuns } from './list.ts'
import { listRunEvents } from './log.ts'
import { presentRun } from './present.ts'
import { runRowById } from './queries.ts'
import { runListQuery, runEventQuery, runEventView, runLogQuery, runView } from './views.ts'

export const runRoutes = [
  get('/api/companies/:companyId/heartbeat-runs', {
    summary: 'List runs of a company, newest first',
    permission: 'run.read',
    scope: inCompany(),
    query: runListQuery,
    returnsPageOf: runView,
    refuses: ['not_found'],
    handle: ({ ctx, query }) => listRuns(ctx, query),
  }),
  get('/api/heartbeat-runs/:runId', {
    summary: 'Read one run',
    permission: 'run.read',
    scope: ofRun(),
    returns: runView,
    refuses: ['not_found'],
    handle: async ({ ctx, target }) => presentRun(ctx.actor, await runRowById(ctx.store.read, ctx, target)),
  }),
  get('/api/heartbeat-runs/:runId/events', {
    summary: 'List the events of a run, in order',
    permission: 'run.read',
    scope: ofRun(),
    query: runEventQuery,
    returnsPageOf: runEventView,
    refuses: ['not_found'],
    handle: ({ ctx, target, query }) => listRunEvents(ctx, target, query),
  }),
  get('/api/heartbeat-runs/:runId/workspace-operations', {
    summary: 'List operations on workspaces for a run: always empty, because this server performs none',
    permission: 'run.read',
    scope: ofRun(),
    returns: z.array(z.never()),
    refuses: ['not_found'],
    handle: async ({ ctx, target }) => {
      await runRowById(ctx.store.read, ctx, target)
      return []
    },
  }),
  get('/api/workspace-operations/:operationId/log', {
    summary: 'Read the log of an operation on a workspace: always 404, because this server performs none',
    permission: 'run.read',
    scope: ofUnsupportedKind('operationId', 'Workspace operation'),
    query: runLogQuery,
    returns: z.never(),
    refuses: ['not_found'],
    handle: () => refuse('not_found'),
  }),
]
