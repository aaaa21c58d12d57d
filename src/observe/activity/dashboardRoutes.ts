import { inCompany } from '../../auth/scopes.ts'
import { get } from '../../http/route.ts'
import { readDashboard, readSidebarBadges } from './dashboard.ts'
import { badgesView, dashboardView } from './dashboardViews.ts'

export const dashboardRoutes = [
  get('/api/companies/:companyId/dashboard', {
    summary: 'Read the current numbers of a company',
    permission: 'dashboard.read',
    scope: inCompany(),
    returns: dashboardView,
    refuses: ['not_found'],
    handle: ({ ctx }) => readDashboard(ctx),
  }),
  get('/api/companies/:companyId/sidebar-badges', {
    summary: 'Count the items that wait for a person',
    permission: 'dashboard.read',
    scope: inCompany(),
    returns: badgesView,
    refuses: ['not_found'],
    handle: ({ ctx }) => readSidebarBadges(ctx),
  }),
]
