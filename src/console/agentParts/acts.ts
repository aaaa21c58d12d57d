// The acts on an agent that several pages offer.

import type { z } from 'zod'
import type { wokenView } from '../../control/wakeups/views.ts'
import { useAct } from '../api/acts.ts'
import { ApiProblem, request } from '../api/client.ts'
import type { Activity, Agent } from '../api/types.ts'

export type Woken = z.output<typeof wokenView>

/** The nouns of reads that an act on an agent changes. */
export const AGENT_NOUNS = ['agents', 'agent', 'runs', 'holds', 'figures', 'stalled', 'approvals', 'issues']

interface Lifecycle {
  readonly companyId: string
  readonly agentId: string
}

/** The reason of a request, or no such field. */
const reasonOf = (reason: string): { reason?: string } => (reason === '' ? {} : { reason })

/** A reason that another person gave with the same act, before. */
const quoted = (row: Activity): string => (typeof row.details?.['reason'] === 'string' ? `: “${row.details['reason']}”` : '')

/**
 * An act that the server answers in the same way when it was done before: its audit row decides whether it was ours, so that a typed reason is
 * never lost in silence.
 * @throws ApiProblem when another person was first
 */
async function requireOwn({ companyId, agentId }: Lifecycle, action: string, reason: string): Promise<void> {
  const query = { entityType: 'agent', entityId: agentId, action, limit: 1 }
  const { data } = await request<Activity[]>('GET', `/companies/${companyId}/activity`, { query })
  const [row] = data
  if (row === undefined || (row.details?.['reason'] ?? '') === reason) return
  throw new ApiProblem(
    `It was done before you, on ${new Date(row.createdAt).toLocaleString()}${quoted(row)}. Your request changed nothing`,
    {
      status: 200,
      code: 'done_before',
      details: null,
      body: {},
      requestId: null,
    },
  )
}

/** One of the acts on the life of an agent, with a reason. */
export function useLifecycle(act: 'pause' | 'resume' | 'quarantine' | 'terminate', target: Lifecycle) {
  const actions = {
    pause: 'agent.paused',
    resume: 'agent.resumed',
    quarantine: 'agent.quarantined',
    terminate: 'agent.terminated',
  } as const
  return useAct<string, Agent>(AGENT_NOUNS, async (reason) => {
    const { data } = await request<Agent>('POST', `/agents/${target.agentId}/${act}`, { body: reasonOf(reason) })
    await requireOwn(target, actions[act], reason)
    return data
  })
}

export interface WakeRequest {
  readonly reason: string
  readonly issueId: string
  readonly isFresh: boolean
}

/**
 * Wakes an agent: for an issue, or for none in particular.
 * @returns what became of it, in words
 * @throws ApiProblem also where the configuration of the agent refuses the wake, which the server answers as a success
 */
export const useWake = (agentId: string) =>
  useAct<WakeRequest, string>(AGENT_NOUNS, async ({ reason, issueId, isFresh }) => {
    const payload = issueId === '' ? {} : { payload: { issueId } }
    const body = { ...reasonOf(reason), ...payload, ...(isFresh ? { forceFreshSession: true } : {}) }
    const { data, status } = await request<Woken>('POST', `/agents/${agentId}/wakeup`, { body })
    if (data.status !== 'skipped') return `its run is ${data.status}`
    if (data.reason === 'issue_execution_deferred') return data.message
    throw new ApiProblem(data.message, { status, code: data.reason, details: null, body: {}, requestId: null })
  })
