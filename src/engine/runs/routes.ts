import { inCompany, ofRun } from '../../auth/scopes.ts'
import { get } from '../../http/route.ts'
import { listRuns } from './list.ts'
import { listRunEvents } from './log.ts'
import { presentRun } from './present.ts'
import { runRowById } from './queries.ts'
import { runListQuery, runEventQuery, runEventView, runView } from './views.ts'

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
]
