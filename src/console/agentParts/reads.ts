// The reads that the pages of agents have in common.

import type { UseQueryResult } from '@tanstack/react-query'
import type { z } from 'zod'
import type { companyLiveRunView } from '../../control/execution/runReadViews.ts'
import type { agentDetail } from '../../org/agents/views.ts'
import { segment } from '../api/client.ts'
import type { Answer, ApiProblem } from '../api/client.ts'
import { usePages, useRead } from '../api/reads.ts'
import type { Activity, Hold, Run, Secret } from '../api/types.ts'
import { STATE_ACTS } from './agentState.ts'

export type AgentDetail = z.output<typeof agentDetail>
export type LiveRun = z.output<typeof companyLiveRunView>

/** One agent. @param agent its id, or its url key */
export const useAgent = (companyId: string, agent: string): UseQueryResult<Answer<AgentDetail>, ApiProblem> =>
  useRead<AgentDetail>(['agent', companyId, agent], `/agents/${segment(agent)}`, { query: { companyId } })

/** The runs of the company that have not ended. */
export const useLiveRuns = (companyId: string): readonly LiveRun[] =>
  useRead<LiveRun[]>(['runs', companyId, 'live'], `/companies/${companyId}/live-runs`, { query: { limit: 1000 } }).data?.data ?? NONE

/** The issues that a run holds, with their titles. */
export const useHolds = (companyId: string): readonly Hold[] =>
  useRead<Hold[]>(['holds', companyId, 'agents'], `/companies/${companyId}/locks`, { query: { state: 'all', limit: 1000 } }).data?.data ??
  NONE

/** The secrets that a configuration may refer to. Readers who may not see secrets get none. */
export const useSecretNames = (companyId: string): readonly Secret[] =>
  useRead<Secret[]>(['secrets', companyId, 'names'], `/companies/${companyId}/secrets`, { query: { limit: 1000 } }).data?.data ?? NONE

const NONE: readonly never[] = []

/** The newest acts about one agent that decide about its state, newest first. */
export const useStateActs = (companyId: string, agentId: string): readonly Activity[] =>
  useRead<Activity[]>(['agent', companyId, agentId, 'acts'], `/companies/${companyId}/activity`, {
    query: { entityType: 'agent', entityId: agentId, action: STATE_ACTS, limit: 20 },
  }).data?.data ?? NONE

/** The work of an agent: runs that are queued or running, and the issues that they hold. */
export interface AgentWork {
  readonly isKnown: boolean
  readonly running: readonly Run[]
  readonly queued: readonly Run[]
  readonly holds: readonly Hold[]
  /** More runs wait than the read has. */
  readonly hasMore: boolean
}

/** The work of an agent at this moment. */
export function useWork(companyId: string, agentId: string): AgentWork {
  const runs = usePages<Run>(['runs', companyId, agentId, 'open'], `/companies/${companyId}/heartbeat-runs`, {
    agentId,
    status: 'queued,running',
  })
  const holds = useHolds(companyId)
  return {
    isKnown: !runs.isLoading,
    running: runs.rows.filter(({ status }) => status === 'running'),
    queued: runs.rows.filter(({ status }) => status === 'queued'),
    holds: holds.filter(({ holder }) => holder?.agentId === agentId),
    hasMore: runs.hasMore,
  }
}
