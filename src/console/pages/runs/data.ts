import { usePages, useRead } from '../../api/reads.ts'
import type { PagesRead, RowsRead } from '../../api/reads.ts'
import type { Agent, Run } from '../../api/types.ts'
import { useCompany } from '../../frame/company.tsx'
import { ENDED_STATUSES, LIVE_STATUSES } from './words.ts'
import type { RunStatus } from './words.ts'

export interface RunFilters {
  /** Every status where it is empty. */
  readonly statuses: readonly RunStatus[]
  readonly agentId: string | null
}

const pick = (from: readonly RunStatus[], wanted: readonly RunStatus[]): RunStatus[] =>
  wanted.length === 0 ? [...from] : from.filter((status) => wanted.includes(status))

/** The runs that fit the filters: those that live first, then the others, each the newest first. */
export function useRuns({ statuses, agentId }: RunFilters): RowsRead<Run> & Pick<PagesRead<Run>, 'retry'> {
  const { id } = useCompany()
  const path = `/companies/${id}/heartbeat-runs`
  const queryOf = (from: readonly RunStatus[]) => {
    const wanted = pick(from, statuses)
    return wanted.length === 0 ? null : { status: wanted.join(','), agentId }
  }
  const live = usePages<Run>(['runs', id, 'live'], path, queryOf(LIVE_STATUSES), 500)
  const ended = usePages<Run>(['runs', id, 'ended'], path, queryOf(ENDED_STATUSES))
  // A run may end between the two answers.
  const shown = new Set(live.rows.map((run) => run.id))
  return {
    rows: [...live.rows, ...(live.hasMore ? [] : ended.rows.filter((run) => !shown.has(run.id)))],
    isLoading: live.isLoading || ended.isLoading,
    problem: live.problem ?? ended.problem,
    hasMore: live.hasMore || ended.hasMore,
    isLoadingMore: live.isLoadingMore || ended.isLoadingMore,
    loadMore: live.hasMore ? live.loadMore : ended.loadMore,
    retry: () => {
      live.retry()
      ended.retry()
    },
  }
}

/** Agents of every status: their runs outlive them. */
const EVERY_AGENT = { limit: 1000, status: 'pending_approval,idle,active,running,error,paused,terminated' }

/** The agents of the company. */
export function useAgents(): readonly Agent[] {
  const { id } = useCompany()
  return useRead<Agent[]>(['agents', id, 'names'], `/companies/${id}/agents`, { query: EVERY_AGENT }).data?.data ?? []
}

/** An issue as links to it need it. */
export interface IssueName {
  readonly id: string
  readonly identifier: string
  readonly title: string
}

/** The identifier and the title of an issue; null until it is read, and for a deleted one. */
export function useIssueName(issueId: string | null): IssueName | null {
  const { id } = useCompany()
  const options = { query: { fields: 'id,identifier,title' }, isEnabled: issueId !== null }
  const { data } = useRead<IssueName>(['issue', id, issueId, 'name'], `/issues/${issueId ?? ''}`, options)
  return issueId === null || data?.data.id !== issueId ? null : data.data
}
