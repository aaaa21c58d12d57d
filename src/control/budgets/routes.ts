import { inCompany } from '../../auth/scopes.ts'
import { get, patch, post } from '../../http/route.ts'
import { uuidParam } from '../../http/uuidParam.ts'
import { companyOf } from '../../platform/db/context.ts'
import { companyView } from '../../org/companies/index.ts'
import { setCompanyBudget, setPolicy, tryPolicy } from './policies.ts'
import { incidentById, readOverview } from './queries.ts'
import { budgetIncidentView, budgetOverviewView, monthlyBudgetBody, policyAnswerView, policyBody } from './views.ts'

export const budgetRoutes = [
  get('/api/companies/:companyId/budgets/overview', {
    summary: 'Read the limits of a company and its open incidents',
    permission: 'budget.read',
    scope: inCompany(),
    returns: budgetOverviewView,
    refuses: ['not_found'],
    handle: ({ ctx }) => readOverview(ctx),
  }),
  get('/api/companies/:companyId/budget-incidents/:incidentId', {
    summary: 'Read one incident of a budget',
    permission: 'budget.read',
    scope: inCompany(),
    returns: budgetIncidentView,
    refuses: ['not_found'],
    handle: ({ ctx, params }) => incidentById(ctx.store.read, companyOf(ctx), uuidParam(params, 'incidentId')),
  }),
  post('/api/companies/:companyId/budgets/policies', {
    summary: 'Set a limit, or try what it would stop',
    permission: 'budget.write',
    scope: inCompany(),
    body: policyBody,
    returns: policyAnswerView,
    refuses: ['not_found'],
    handle: ({ ctx, body }) => (body.dryRun ? tryPolicy(ctx, body) : setPolicy(ctx, body)),
  }),
  patch('/api/companies/:companyId/budgets', {
    summary: 'Set what a company may spend in a month',
    permission: 'budget.write',
    scope: inCompany(),
    body: monthlyBudgetBody,
    returns: companyView,
    refuses: ['not_found'],
    handle: ({ ctx, body }) => setCompanyBudget(ctx, body.budgetMonthlyCents),
  }),
]
