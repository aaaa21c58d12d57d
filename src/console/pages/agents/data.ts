import { useEffect, useMemo } from 'react'
import { usePages, useRead } from '../../api/reads.ts'
import type { PagesRead } from '../../api/reads.ts'
import type { Activity, Agent, Hold, OrgNode } from '../../api/types.ts'
import { explaining, STATE_ACTS, whyOf } from '../../agentParts/agentState.ts'
import { useHolds, useLiveRuns } from '../../agentParts/reads.ts'
import type { LiveRun } from '../../agentParts/reads.ts'

/** An agent with the facts of a line of the list. */
export interface AgentLine {
  readonly agent: Agent
  readonly manager: string | null
  readonly why: string | null
  /** Its runs that have not ended, those at work first. */
  readonly runs: readonly LiveRun[]
  /** The issues that it holds. */
  readonly holds: readonly Hold[]
}

const grouped = <T>(rows: readonly T[], keyOf: (row: T) => string | null): ReadonlyMap<string, T[]> => {
  const groups = new Map<string, T[]>()
  for (const row of rows) {
    const key = keyOf(row)
    if (key === null) continue
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [row])
    else group.push(row)
  }
  return groups
}

const NONE: readonly never[] = []

/** The agents of a company, at most five thousand, so that all are read. @param status of the API's filter; empty for all but the terminated ones */
export function useAgentLines(companyId: string, status: string): Pick<PagesRead<AgentLine>, 'rows' | 'isLoading' | 'problem'> {
  const read = usePages<Agent>(['agents', companyId], `/companies/${companyId}/agents`, { status }, 1000)
  const { rows, hasMore, isLoadingMore, loadMore } = read
  useEffect(() => {
    if (hasMore && !isLoadingMore) loadMore()
  }, [hasMore, isLoadingMore, loadMore])
  const hasReasons = rows.some((agent) => ['paused', 'error', 'terminated'].includes(agent.status))
  const acts = useRead<Activity[]>(['agents', companyId, 'acts'], `/companies/${companyId}/activity`, {
    query: { entityType: 'agent', action: STATE_ACTS, limit: 500 },
    isEnabled: hasReasons,
  }).data?.data
  const runs = useLiveRuns(companyId)
  const holds = useHolds(companyId)
  const lines = useMemo(() => linesOf(rows, { acts: acts ?? NONE, runs, holds }), [rows, acts, runs, holds])
  return { rows: lines, isLoading: read.isLoading, problem: read.problem }
}

function linesOf(
  agents: readonly Agent[],
  { acts, runs, holds }: { readonly acts: readonly Activity[]; readonly runs: readonly LiveRun[]; readonly holds: readonly Hold[] },
): AgentLine[] {
  const names = new Map(agents.map(({ id, name }) => [id, name]))
  const actsOf = grouped(acts, ({ entityId }) => entityId)
  const runsOf = grouped(runs, ({ agentId }) => agentId)
  const holdsOf = grouped(holds, ({ holder }) => holder?.agentId ?? null)
  return agents.map((agent) => ({
    agent,
    manager: agent.reportsTo === null ? null : (names.get(agent.reportsTo) ?? null),
    why: whyOf(agent, explaining(agent, actsOf.get(agent.id) ?? NONE)),
    runs: (runsOf.get(agent.id) ?? NONE).toSorted((one, other) => Number(other.status === 'running') - Number(one.status === 'running')),
    holds: holdsOf.get(agent.id) ?? NONE,
  }))
}

/** The reporting tree, without terminated agents. */
export const useOrg = (companyId: string) => useRead<OrgNode[]>(['agents', companyId, 'org'], `/companies/${companyId}/org`)
