import type { Ctx, Tx } from '../../platform/db/types.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import type { WakeSource } from './decideWake.ts'
import { loadIssueWakeFacts } from './facts.ts'
import { requestWake } from './write.ts'
import type { WakeOutcome } from './write.ts'

export interface IssueWakeRequest {
  readonly agentId: string
  readonly issueId: string
  readonly source: WakeSource
  readonly reason: string
  readonly payload?: Readonly<Record<string, unknown>>
  /** Wakes the agent although another run holds the issue: a mention asks for an answer, not for the work. */
  readonly besideHolder?: boolean
}

/**
 * (tx) Requests a run of an agent for an issue, in the transaction of the change that causes it. A second request for
 * the same agent and issue joins the first; while another run holds the issue, the request waits. An agent that cannot
 * be invoked, that does not listen (`wakeOnDemand`), or whose company is not active, is not woken. Expects the issue's
 * row lock.
 *
 * @returns the audit that the change records with its own: a waiting wake was promoted, or a loop of agents was cut
 */
export async function enqueueWake(tx: Tx, ctx: Ctx, wake: IssueWakeRequest): Promise<DomainEvent[]> {
  const outcome = await requestIssueWake(tx, ctx, wake)
  if (outcome.kind === 'promoted') return [outcome.event]
  return outcome.kind === 'closed_as_loop' ? [...outcome.events] : []
}

/** (tx) As `enqueueWake`, for a caller that records itself what came of the request. */
export async function requestIssueWake(tx: Tx, ctx: Ctx, wake: IssueWakeRequest): Promise<WakeOutcome> {
  const { besideHolder: runsBesideHolder = false, ...request } = wake
  const traits = { triggerDetail: 'system', runsBesideHolder, joinsRunAtWork: false, boundsDeferral: true, hasOwnEvent: true } as const
  return await requestWake(tx, ctx, { ...request, ...traits }, await loadIssueWakeFacts(tx, ctx, request))
}
