import { z } from 'zod'
import { inCompany } from '../../auth/scopes.ts'
import { get } from '../../http/route.ts'
import { readOrgChart, readOrgPng } from './orgChart.ts'
import { readOrg } from './orgTree.ts'
import { orgChartQuery, orgNode } from './views.ts'

export const chartRoutes = [
  get('/api/companies/:companyId/org', {
    summary: 'Read who reports to whom, roots first',
    permission: 'agent.org',
    scope: inCompany(),
    returns: z.array(orgNode),
    refuses: ['not_found'],
    handle: ({ ctx }) => readOrg(ctx),
  }),
  get('/api/companies/:companyId/org.svg', {
    summary: 'Draw who reports to whom',
    permission: 'agent.org',
    scope: inCompany(),
    query: orgChartQuery,
    streams: 'drawing',
    returns: z.string(),
    refuses: ['not_found'],
    handle: ({ ctx, query }) => readOrgChart(ctx, query.style),
  }),
  get('/api/companies/:companyId/org.png', {
    summary: 'Draw who reports to whom as a picture of pixels',
    permission: 'agent.org',
    scope: inCompany(),
    query: orgChartQuery,
    streams: 'picture',
    returns: z.string(),
    refuses: ['not_found', 'busy'],
    handle: ({ ctx, query }) => readOrgPng(ctx, query.style),
  }),
]
