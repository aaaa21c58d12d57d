import { op } from './operation.ts'
import type { OperationTexts } from './operation.ts'

const ofCompany = 'GET /api/companies/:companyId/costs'

export const costs: OperationTexts = {
  [`${ofCompany}/summary`]: op(
    'getCostSummary',
    'Without a range it is the sum of all time, next to the budget of one month. Cents are rounded at the end of the sum.',
    'CostSummary',
  ),
  [`${ofCompany}/by-agent`]: op(
    'listCostsByAgent',
    'At most 1,000 rows. A deleted agent keeps its costs, and its name and status are null.',
    'AgentCost',
  ),
  [`${ofCompany}/by-agent-model`]: op(
    'listCostsByAgentModel',
    'At most 1,000 rows. A deleted agent keeps its costs, and its name is null.',
    'AgentModelCost',
  ),
  [`${ofCompany}/by-provider`]: op(
    'listCostsByProvider',
    'At most 1,000 rows: one for each provider, biller, type of billing and model.',
    'ModelCost',
  ),
  [`${ofCompany}/by-biller`]: op(
    'listCostsByBiller',
    'At most 1,000 rows. A biller sends the invoice: the provider, or for example a gateway in front of several.',
    'BillerCost',
  ),
  [`${ofCompany}/by-project`]: op(
    'listCostsByProject',
    'At most 1,000 rows. What belongs to no project has a row of its own. A deleted project keeps its costs, and its name is null.',
    'ProjectCost',
  ),
  [`${ofCompany}/window-spend`]: op(
    'listWindowSpend',
    'For comparison with the windows in which providers limit a subscription.',
    'WindowSpend',
  ),
  [`${ofCompany}/events`]: op(
    'listCostEvents',
    'By the time at which they occurred. Events are never changed: a correction is an event of its own, with `correctsId`.',
    'CostEvent',
  ),
  [`${ofCompany}/quota-windows`]: op(
    'listQuotaWindows',
    'A row for each provider of the last 30 days. This server asks no provider, so each row has an error and no windows.',
    'QuotaWindows',
  ),
  [`${ofCompany}/finance-summary`]: op(
    'getFinanceSummary',
    'The sums of one currency. Events in other currencies are only counted.',
    'FinanceSummary',
  ),
  [`${ofCompany}/finance-by-biller`]: op('listFinanceByBiller', 'The sums of one currency, at most 1,000 rows.', 'BillerFinance'),
  [`${ofCompany}/finance-by-kind`]: op('listFinanceByKind', 'The sums of one currency.', 'KindFinance'),
  [`${ofCompany}/finance-events`]: op('listFinanceEvents', 'By the time at which they occurred.', 'FinanceEvent'),
  'POST /api/companies/:companyId/finance-events': op(
    'reportFinanceEvent',
    'For invoices, credits and fees that belong to no call of a model. It changes no budget. An event is never changed: a mistake is corrected by one in the other direction.',
    'FinanceEvent',
  ),
}
