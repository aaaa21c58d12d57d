import { inCompany, ofAgent } from '../../auth/scopes.ts'
import { patch, post } from '../../http/route.ts'
import { uuidParam } from '../../http/uuidParam.ts'
import { shortnameQuery } from '../../org/agents/index.ts'
import { budgetIncidentView, monthlyBudgetBody, resolveIncidentBody } from '../budgets/index.ts'
import { decideIncident, setAgentBudget } from './budgets.ts'
import { configuredView, proposalStatus } from './views.ts'

export const budgetDecisionRoutes = [
  post('/api/companies/:companyId/budget-incidents/:incidentId/resolve', {
    summary: 'Raise a limit and resume, or keep its scope stopped',
    permission: 'budget.write',
    scope: inCompany(),
    body: resolveIncidentBody,
    returns: budgetIncidentView,
    refuses: ['not_found', 'illegal_transition', 'unprocessable'],
    handle: ({ ctx, params, body }) => decideIncident(ctx, uuidParam(params, 'incidentId'), body),
  }),
  patch('/api/agents/:agentId/budgets', {
    summary: 'Set what an agent may spend in a month; an agent lowers its own',
    permission: 'budget.lower',
    scope: ofAgent('agentId'),
    query: shortnameQuery,
    body: monthlyBudgetBody,
    returns: configuredView,
    altStatus: proposalStatus,
    refuses: ['not_found', 'agent_pending'],
    handle: ({ ctx, target, body }) => setAgentBudget(ctx, target, body.budgetMonthlyCents),
  }),
]
