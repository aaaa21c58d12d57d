import { z } from 'zod'
import { inCompany, ofAgent, ofExistingIssue, onInstance } from '../../auth/scopes.ts'
import { companyOf } from '../../platform/db/context.ts'
import { get } from '../../http/route.ts'
import { pageQuery } from '../../platform/kernel/page.ts'
import { NO_COMPANY } from '../../platform/kernel/event.ts'
import { listActivity, presentActivity } from './queries.ts'
import { quarantineQuery, quarantineReport, quarantineView } from './quarantineReport.ts'
import { activityQuery, activityView } from './views.ts'

export const activityRoutes = [
  get('/api/companies/:companyId/activity', {
    summary: 'List audit rows of a company, newest first',
    permission: 'activity.read',
    scope: inCompany(),
    query: activityQuery,
    returnsPageOf: activityView,
    refuses: ['not_found'],
    handle: async ({ ctx, query: { limit, after, ...filter } }) =>
      await presentActivity(ctx.actor, await listActivity(ctx.store.read, companyOf(ctx), filter, { limit, after })),
  }),
  get('/api/instance/activity', {
    summary: 'List audit rows of the instance, which belong to no company, newest first',
    permission: 'instance.activity',
    scope: onInstance,
    query: activityQuery,
    returnsPageOf: activityView,
    refuses: [],
    handle: async ({ ctx, query: { limit, after, ...filter } }) =>
      await presentActivity(ctx.actor, await listActivity(ctx.store.read, NO_COMPANY, filter, { limit, after })),
  }),
  get('/api/agents/:id/quarantine', {
    summary: 'Read what an agent did in its last hours, and what its quarantine ended',
    permission: 'agent.quarantine.read',
    scope: ofAgent(),
    query: quarantineQuery,
    returns: quarantineView,
    refuses: ['not_found'],
    handle: ({ ctx, target, query }) => quarantineReport(ctx, target, query.hours),
  }),
  get('/api/issues/:id/activity', {
    summary: 'List audit rows of an issue, newest first',
    permission: 'activity.read',
    scope: ofExistingIssue(),
    query: z.object(pageQuery),
    returnsPageOf: activityView,
    refuses: ['not_found'],
    handle: async ({ ctx, target, query }) =>
      await presentActivity(
        ctx.actor,
        await listActivity(ctx.store.read, companyOf(ctx), { entityType: 'issue', entityId: target }, query),
      ),
  }),
]
