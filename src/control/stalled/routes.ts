import { z } from 'zod'
import { inCompany, ofIssue } from '../../auth/scopes.ts'
import { get } from '../../http/route.ts'
import { listStalled, readWhy } from './queries.ts'
import { stalledView, whyView } from './views.ts'

export const stalledRoutes = [
  get('/api/companies/:companyId/stalled', {
    summary: 'List the issues whose work stands still, with since when and what to do',
    permission: 'issue.read',
    scope: inCompany(),
    returns: z.array(stalledView),
    refuses: [],
    handle: ({ ctx }) => listStalled(ctx),
  }),
  get('/api/issues/:id/why', {
    summary: 'Read why the work on an issue goes on, or does not, and the act that changes it',
    permission: 'issue.read',
    scope: ofIssue(),
    returns: whyView,
    refuses: ['not_found'],
    handle: ({ ctx, target }) => readWhy(ctx, target),
  }),
]
