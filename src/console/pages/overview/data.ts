// The reads of the overview. Each has the noun of its events, so that the page is fresh without asking.

import { useRead } from '../../api/reads.ts'
import type { Activity, Agent, Approval, Badges, Company, Dashboard, Hold, JoinRequest, Run, Stalled } from '../../api/types.ts'
import type { ApiProblem } from '../../api/client.ts'
import { useBudgets } from '../../budgetParts/reads.ts'
import { LEASES_EVERY_MS } from '../../holding/data.ts'
import type { NeedSources } from './needs.ts'

/** Rows of one kind that the overview reads. It links to the page that has all. */
const MOST = 50

/** The audit rows of questions: made, and answered or ended. */
const interactionActions = ['created', 'accepted', 'rejected', 'answered', 'expired']
  .map((what) => `issue.thread_interaction_${what}`)
  .join(',')

export interface Overview {
  readonly isLoading: boolean
  /** The first refusal of a read that every member may do. */
  readonly problem: ApiProblem | null
  readonly sources: NeedSources
  readonly dashboard: Dashboard | null
  readonly badges: Badges | null
  readonly liveHolds: readonly Hold[]
  readonly liveRuns: readonly Run[]
  /** Whether there are more dead holds than were read. */
  readonly hasMoreDead: boolean
}

/** Reads everything that the overview shows. */
export function useOverview({ id }: Company): Overview {
  const below = `/companies/${id}`
  const dashboard = useRead<Dashboard>(['figures', id, 'dashboard'], `${below}/dashboard`)
  const badges = useRead<Badges>(['figures', id, 'badges'], `${below}/sidebar-badges`)
  const agents = useRead<Agent[]>(['agents', id], `${below}/agents`, { query: { limit: 1000 } })
  const dead = useRead<Hold[]>(['holds', id, 'dead'], `${below}/locks`, { query: { state: 'dead', limit: MOST }, everyMs: LEASES_EVERY_MS })
  const live = useRead<Hold[]>(['holds', id, 'live'], `${below}/locks`, { query: { state: 'live', limit: MOST }, everyMs: LEASES_EVERY_MS })
  const runsPath = `${below}/heartbeat-runs`
  const liveRuns = useRead<Run[]>(['runs', id, 'live'], runsPath, {
    query: { status: 'queued,running', limit: MOST },
    everyMs: LEASES_EVERY_MS,
  })
  const hasFailures = (badges.data?.data.failedRuns ?? 0) > 0
  const failed = useRead<Run[]>(['runs', id, 'failed'], runsPath, {
    query: { status: 'failed,timed_out', limit: MOST },
    isEnabled: hasFailures,
  })
  const recent = useRead<Run[]>(['runs', id, 'recent'], runsPath, { query: { limit: MOST }, isEnabled: hasFailures })
  const approvals = useRead<Approval[]>(['approvals', id, 'pending'], `${below}/approvals`, { query: { status: 'pending', limit: MOST } })
  const rows = useRead<Activity[]>(['questions', id], `${below}/activity`, { query: { action: interactionActions, limit: 200 } })
  // A role that may not decide about it gets a refusal, and no row of this kind.
  const joins = useRead<JoinRequest[]>(['joinRequests', id, 'pending'], `${below}/join-requests`, {
    query: { status: 'pending_approval', limit: MOST },
  })
  const stalled = useRead<Stalled[]>(['stalled', id], `${below}/stalled`)
  const budgets = useBudgets(id)
  const needed = [dashboard, badges, agents, dead, approvals, stalled]
  return {
    isLoading: needed.some(({ isPending }) => isPending),
    problem: needed.find(({ error }) => error !== null)?.error ?? null,
    sources: {
      deadHolds: dead.data?.data ?? [],
      agents: agents.data?.data ?? [],
      incidents: budgets.data?.data.activeIncidents ?? [],
      failedRuns: (hasFailures ? failed.data?.data : null) ?? [],
      recentRuns: (hasFailures ? recent.data?.data : null) ?? [],
      approvals: approvals.data?.data ?? [],
      interactionRows: rows.data?.data ?? [],
      joinRequests: joins.data?.data ?? [],
      stalled: stalled.data?.data ?? [],
    },
    dashboard: dashboard.data?.data ?? null,
    badges: badges.data?.data ?? null,
    liveHolds: live.data?.data ?? [],
    liveRuns: liveRuns.data?.data ?? [],
    hasMoreDead: dead.data?.next !== null && dead.data !== undefined,
  }
}
