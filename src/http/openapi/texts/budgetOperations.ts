import { op } from './operation.ts'
import type { OperationTexts } from './operation.ts'

const ofCompany = '/api/companies/:companyId'

/** Reports of costs, and limits. */
export const budgets: OperationTexts = {
  [`POST ${ofCompany}/cost-events`]: op(
    'reportCost',
    'An agent reports what it spent itself, in its run; the board reports anything. The limits above it are charged in the same transaction, and one that is crossed stops its scope. The same `externalId` of an agent is counted once.',
    'CostEvent',
  ),
  [`GET ${ofCompany}/budgets/overview`]: op(
    'getBudgetOverview',
    'Each policy has what is spent, reserved and left of its present window.',
    'BudgetOverview',
  ),
  [`GET ${ofCompany}/budget-incidents/:incidentId`]: op(
    'getBudgetIncident',
    'A threshold that was crossed; the hard one is also the order to stop its scope.',
    'BudgetIncident',
  ),
  [`POST ${ofCompany}/budgets/policies`]: op(
    'setBudgetPolicy',
    'A scope has one policy for each kind of window, and this sets or changes it; an amount of 0 ends it. With `dryRun` nothing is written, and the answer is what it would stop at once.',
    'BudgetPolicyAnswer',
  ),
  [`PATCH ${ofCompany}/budgets`]: op('setCompanyBudget', 'It is the monthly policy of the company; 0 is no limit.', 'Company'),
  [`POST ${ofCompany}/budget-incidents/:incidentId/resolve`]: op(
    'resolveBudgetIncident',
    'To raise the limit resumes the scope, wakes what waits and approves the approval of the incident, in one transaction.',
    'BudgetIncident',
  ),
  'PATCH /api/agents/:agentId/budgets': op(
    'setAgentBudget',
    'It is the monthly policy of the agent; 0 is no limit. An agent lowers its own at once; to raise it is 202 with the approval that waits.',
    'ConfiguredAgent',
  ),
}
