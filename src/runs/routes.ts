import { z } from 'zod'
import { inCompany, ofRun } from '../access/scopes.ts'
import { get } from '../http/route.ts'
import { pageQuery } from '../kernel/page.ts'
import { listRuns } from './list.ts'
import { runRowById } from './queries.ts'
import { runView } from './views.ts'

export const runRoutes = [
  get('/api/companies/:companyId/heartbeat-runs', {
    summary: 'List runs of a company, newest first',
    permission: 'run.read',
    scope: inCompany(),
    query: z.object({ agentId: z.uuid().optional(), ...pageQuery }),
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
    handle: ({ ctx, target }) => runRowById(ctx.store.read, ctx, target),
  }),
]
