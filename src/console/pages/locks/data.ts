import { useQuery } from '@tanstack/react-query'
import type { UseQueryResult } from '@tanstack/react-query'
import type { ApiProblem } from '../../api/client.ts'
import { useRead } from '../../api/reads.ts'
import type { Hold, Project } from '../../api/types.ts'
import { useCompany } from '../../frame/company.tsx'
import { LEASES_EVERY_MS, readAllHolds } from '../../holding/data.ts'

/** Every hold of the company. Events make it fresh, and a clock does, because a heartbeat writes no event. */
export function useHolds(): UseQueryResult<Hold[], ApiProblem> {
  const { id } = useCompany()
  return useQuery<Hold[], ApiProblem>({
    queryKey: ['holds', id, 'all'],
    queryFn: ({ signal }) => readAllHolds(id, signal),
    refetchInterval: LEASES_EVERY_MS,
  })
}

const none: readonly Project[] = []

/** The projects of the company, for their names. */
export function useProjects(): readonly Project[] {
  const { id } = useCompany()
  return useRead<Project[]>(['projects', id, 'names'], `/companies/${id}/projects`, { query: { limit: 1000 } }).data?.data ?? none
}
