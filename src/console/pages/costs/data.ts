// The reads and acts of the page of costs.

import type { UseMutationResult, UseQueryResult } from '@tanstack/react-query'
import { useAct } from '../../api/acts.ts'
import { addressOf, request } from '../../api/client.ts'
import type { Answer, ApiProblem, Query } from '../../api/client.ts'
import { usePages, useRead } from '../../api/reads.ts'
import type { PagesRead } from '../../api/reads.ts'
import type { CostSummary, FinanceEvent, FinanceSummary, WindowSpend } from '../../api/types.ts'
import { useCompany } from '../../frame/company.tsx'
import { queryOf } from './range.ts'
import type { Range } from './range.ts'

type Read<T> = UseQueryResult<Answer<T>, ApiProblem>

/** One list of costs of a range. @param endpoint the last part of its address */
export function useCosts<T>(endpoint: string, range: Range): Read<readonly T[]> {
  const { id } = useCompany()
  return useRead<readonly T[]>(['costs', id, endpoint], `/companies/${id}/costs/${endpoint}`, { query: queryOf(range) })
}

/** The costs of a range. */
export function useSummary(range: Range): Read<CostSummary> {
  const { id } = useCompany()
  return useRead<CostSummary>(['costs', id, 'summary'], `/companies/${id}/costs/summary`, { query: queryOf(range) })
}

/** The costs of the last hours and days. It changes as time goes on. */
export function useWindowSpend(): Read<readonly WindowSpend[]> {
  const { id } = useCompany()
  return useRead<readonly WindowSpend[]>(['costs', id, 'window-spend'], `/companies/${id}/costs/window-spend`, { everyMs: 60_000 })
}

/** The finance events of a range, the newest first. */
export function useFinanceEvents(range: Range): PagesRead<FinanceEvent> {
  const { id } = useCompany()
  return usePages<FinanceEvent>(['costs', id, 'finance-events'], `/companies/${id}/costs/finance-events`, queryOf(range))
}

/** The sums of the finance events of a range. */
export function useFinanceSummary(range: Range): Read<FinanceSummary> {
  const { id } = useCompany()
  return useRead<FinanceSummary>(['costs', id, 'finance-summary'], `/companies/${id}/costs/finance-summary`, { query: queryOf(range) })
}

/** The address of a list as a file of CSV. */
export function useCsvAddress(): (endpoint: string, query: Query) => string {
  const { id } = useCompany()
  return (endpoint, query) => addressOf(`/companies/${id}/costs/${endpoint}`, { ...query, format: 'csv' })
}

export type NewFinanceEvent = Pick<FinanceEvent, 'eventKind' | 'direction' | 'biller' | 'amountCents' | 'occurredAt' | 'estimated'> & {
  readonly description: string | null
  readonly externalInvoiceId: string | null
}

/** Adds a finance event. @param idempotencyKey the same for every try of the same event */
export function useAddFinanceEvent(idempotencyKey: string): UseMutationResult<Answer<FinanceEvent>, ApiProblem, NewFinanceEvent> {
  const { id } = useCompany()
  return useAct(['costs', 'figures'], (body: NewFinanceEvent) =>
    request<FinanceEvent>('POST', `/companies/${id}/finance-events`, { body, idempotencyKey }),
  )
}
