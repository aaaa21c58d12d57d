import { inCompany } from '../../auth/scopes.ts'
import { post } from '../../http/route.ts'
import { costEventBody, reportCost } from './report.ts'
import { costEventView } from './views.ts'

export const costReportRoutes = [
  post('/api/companies/:companyId/cost-events', {
    summary: 'Report what was spent',
    permission: 'cost.report',
    scope: inCompany(),
    body: costEventBody,
    status: 201,
    returns: costEventView,
    refuses: ['not_found', 'forbidden', 'unknown_reference', 'unprocessable', 'field_not_permitted', 'run_id_mismatch'],
    handle: ({ ctx, body }) => reportCost(ctx, body),
  }),
]
