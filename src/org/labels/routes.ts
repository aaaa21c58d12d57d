import { z } from 'zod'
import { inCompany } from '../../auth/scopes.ts'
import { get, post } from '../../http/route.ts'
import { pageQuery } from '../../platform/kernel/page.ts'
import { listLabels } from './queries.ts'
import { createLabelBody, labelView } from './views.ts'
import { createLabel } from './write.ts'

export const labelRoutes = [
  get('/api/companies/:companyId/labels', {
    summary: 'List labels of a company by name',
    permission: 'label.read',
    scope: inCompany(),
    query: z.object(pageQuery),
    returnsPageOf: labelView,
    refuses: ['not_found'],
    handle: ({ ctx, query }) => listLabels(ctx, query),
  }),
  post('/api/companies/:companyId/labels', {
    summary: 'Create a label',
    permission: 'label.write',
    scope: inCompany(),
    body: createLabelBody,
    status: 201,
    returns: labelView,
    refuses: ['not_found', 'name_taken', 'company_not_active'],
    handle: ({ ctx, body }) => createLabel(ctx, body),
  }),
]
