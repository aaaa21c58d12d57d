// Reports of spending beside comments: what an agent reports with every call of a model must not cost more than what it says.

import type { ApiClient } from './apiClient.ts'
import { ownIssues } from './company.ts'
import type { Company } from './company.ts'
import { prepareRequest } from './load.ts'
import type { Script } from './load.ts'

/** Of the rate of comments. */
export const COST_BAR = 0.8

/** Comments of each worker on issues of its own. */
export const commentScripts = (company: Company): Script[] =>
  company.workers.map(({ headers }, connection) =>
    ownIssues(company, connection).map((id) =>
      prepareRequest({
        method: 'POST',
        path: `/api/issues/${id}/comments`,
        headers,
        body: { body: 'The pump runs again. The seal was worn.' },
        expectedStatuses: [201],
      }),
    ),
  )

/** Events of each worker in its run. Call it when the runs are open, because the time of an event lies within its run. */
export const costScripts = (company: Company): Script[] =>
  company.workers.map(({ agentId, headers }) => [
    prepareRequest({
      method: 'POST',
      path: `/api/companies/${company.id}/cost-events`,
      headers,
      body: {
        agentId,
        provider: 'anthropic',
        model: 'large',
        billingType: 'metered_api',
        costMicrocents: 1_234_567,
        inputTokens: 1200,
        outputTokens: 80,
        occurredAt: new Date().toISOString(),
      },
      expectedStatuses: [201],
    }),
  ])

/** Gives a company a hard limit that is not reached: each of its events then waits for the one row of the limit. */
export const limitCompany = async (api: ApiClient, { id }: Company): Promise<unknown> =>
  await api.post(`/api/companies/${id}/budgets/policies`, { scopeType: 'company', scopeId: id, amount: 2_000_000_000, reserveCents: 1 })
