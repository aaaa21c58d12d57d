import { z } from 'zod'
import { inCompany } from '../../auth/scopes.ts'
import { get, post } from '../../http/route.ts'
import { listFinanceByBiller, listFinanceByKind, listFinanceEvents, readFinanceSummary, reportFinanceEvent } from './finance.ts'
import {
  listCostEvents,
  listCostsByAgent,
  listCostsByAgentModel,
  listCostsByBiller,
  listCostsByProject,
  listCostsByProvider,
  listQuotaWindows,
  listWindowSpend,
  readCostSummary,
} from './queries.ts'
import {
  costByAgentModelView,
  costByAgentView,
  costByBillerView,
  costByProjectView,
  costByProviderView,
  costEventsQuery,
  costEventView,
  costSummaryView,
  createFinanceEventBody,
  financeByBillerView,
  financeByKindView,
  financeEventsQuery,
  financeEventView,
  financeSummaryQuery,
  financeSummaryView,
  financeSumsQuery,
  formatQuery,
  quotaWindowsView,
  rangeQuery,
  sumsQuery,
  windowSpendView,
} from './views.ts'

const reads = { permission: 'cost.read', scope: inCompany(), refuses: ['not_found'] } as const

const costLists = [
  get('/api/companies/:companyId/costs/by-agent', {
    ...reads,
    summary: 'List what each agent spent, the costliest first',
    query: sumsQuery,
    returns: z.array(costByAgentView),
    csvFile: 'costs-by-agent',
    handle: ({ ctx, query }) => listCostsByAgent(ctx, query),
  }),
  get('/api/companies/:companyId/costs/by-agent-model', {
    ...reads,
    summary: 'List what each agent spent on each model, the costliest first',
    query: sumsQuery,
    returns: z.array(costByAgentModelView),
    csvFile: 'costs-by-agent-model',
    handle: ({ ctx, query }) => listCostsByAgentModel(ctx, query),
  }),
  get('/api/companies/:companyId/costs/by-provider', {
    ...reads,
    summary: 'List what was spent on each model of each provider, the costliest first',
    query: sumsQuery,
    returns: z.array(costByProviderView),
    csvFile: 'costs-by-provider',
    handle: ({ ctx, query }) => listCostsByProvider(ctx, query),
  }),
  get('/api/companies/:companyId/costs/by-biller', {
    ...reads,
    summary: 'List what each biller charged, the costliest first',
    query: sumsQuery,
    returns: z.array(costByBillerView),
    csvFile: 'costs-by-biller',
    handle: ({ ctx, query }) => listCostsByBiller(ctx, query),
  }),
  get('/api/companies/:companyId/costs/by-project', {
    ...reads,
    summary: 'List what each project cost, the costliest first',
    query: sumsQuery,
    returns: z.array(costByProjectView),
    csvFile: 'costs-by-project',
    handle: ({ ctx, query }) => listCostsByProject(ctx, query),
  }),
  get('/api/companies/:companyId/costs/window-spend', {
    ...reads,
    summary: 'List what was spent in the last 5 hours, 24 hours and 7 days',
    query: formatQuery,
    returns: z.array(windowSpendView),
    csvFile: 'window-spend',
    handle: ({ ctx }) => listWindowSpend(ctx),
  }),
]

const financeLists = [
  get('/api/companies/:companyId/costs/finance-by-biller', {
    ...reads,
    summary: 'List the money that moved with each biller, the costliest first',
    query: financeSumsQuery,
    returns: z.array(financeByBillerView),
    csvFile: 'finance-by-biller',
    handle: ({ ctx, query }) => listFinanceByBiller(ctx, query),
  }),
  get('/api/companies/:companyId/costs/finance-by-kind', {
    ...reads,
    summary: 'List the money that moved for each kind of finance event, the costliest first',
    query: financeSumsQuery,
    returns: z.array(financeByKindView),
    csvFile: 'finance-by-kind',
    handle: ({ ctx, query }) => listFinanceByKind(ctx, query),
  }),
  get('/api/companies/:companyId/costs/finance-events', {
    ...reads,
    summary: 'List finance events, newest first',
    query: financeEventsQuery,
    returnsPageOf: financeEventView,
    csvFile: 'finance-events',
    handle: ({ ctx, query: { limit, after, ...range } }) => listFinanceEvents(ctx, range, { limit, after }),
  }),
]

export const costRoutes = [
  get('/api/companies/:companyId/costs/summary', {
    ...reads,
    summary: 'Read what a company spent',
    query: rangeQuery,
    returns: costSummaryView,
    handle: ({ ctx, query }) => readCostSummary(ctx, query),
  }),
  ...costLists,
  get('/api/companies/:companyId/costs/events', {
    ...reads,
    summary: 'List cost events, newest first',
    query: costEventsQuery,
    returnsPageOf: costEventView,
    csvFile: 'cost-events',
    handle: ({ ctx, query: { limit, after, ...range } }) => listCostEvents(ctx, range, { limit, after }),
  }),
  get('/api/companies/:companyId/costs/quota-windows', {
    summary: 'List the quotas of the providers that were used',
    permission: 'cost.quotas',
    scope: inCompany(),
    returns: z.array(quotaWindowsView),
    refuses: ['not_found'],
    handle: ({ ctx }) => listQuotaWindows(ctx),
  }),
  get('/api/companies/:companyId/costs/finance-summary', {
    ...reads,
    summary: 'Read the sums of finance events',
    query: financeSummaryQuery,
    returns: financeSummaryView,
    handle: ({ ctx, query }) => readFinanceSummary(ctx, query),
  }),
  ...financeLists,
  post('/api/companies/:companyId/finance-events', {
    summary: 'Report money that no run spent',
    permission: 'finance.write',
    scope: inCompany(),
    body: createFinanceEventBody,
    status: 201,
    returns: financeEventView,
    refuses: ['not_found', 'unknown_reference', 'company_not_active'],
    handle: ({ ctx, body }) => reportFinanceEvent(ctx, body),
  }),
]
