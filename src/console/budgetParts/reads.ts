import type { UseQueryResult } from '@tanstack/react-query'
import type { Answer, ApiProblem } from '../api/client.ts'
import { useRead } from '../api/reads.ts'
import type { BudgetOverview } from '../api/types.ts'

/** The budgets of a company, with the incidents that are open. */
export const useBudgets = (companyId: string): UseQueryResult<Answer<BudgetOverview>, ApiProblem> =>
  useRead<BudgetOverview>(['budgets', companyId], `/companies/${companyId}/budgets/overview`)
