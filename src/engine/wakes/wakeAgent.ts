import type { Ctx, Tx } from '../../platform/db/types.ts'
import { invariant } from '../../platform/kernel/errors.ts'
import { loadPayloadWakeFacts } from './facts.ts'
import { requestWake } from './write.ts'

/** A reason to run an agent that is not about one issue. */
export interface AgentWakeRequest {
  readonly agentId: string
  readonly source: 'on_demand' | 'automation'
  readonly reason: string
  /** The facts that the run must know. A request with the same reason and payload joins one that is still queued. */
  readonly payload: Readonly<Record<string, unknown>>
}

/** The result of a request: a run was queued, or a queued run already covers it, or the agent is not woken. */
export type AgentWakeResult =
  | { readonly kind: 'queued' | 'joined'; readonly runId: string }
  | { readonly kind: 'not_woken'; readonly why: 'agent_not_invokable' | 'wake_on_demand_off' }

/**
 * (tx) Requests a run of an agent, for no issue, in the transaction of the change that causes it. Unlike a wake for an
 * issue it never waits for a hold. Expects the agent's row lock, under which alone its runs are ended.
 */
export async function wakeAgent(tx: Tx, ctx: Ctx, wake: AgentWakeRequest): Promise<AgentWakeResult> {
  const traits = {
    triggerDetail: 'system',
    runsBesideHolder: false,
    joinsRunAtWork: false,
    boundsDeferral: false,
    hasOwnEvent: true,
  } as const
  const outcome = await requestWake(tx, ctx, { ...wake, ...traits, issueId: null }, await loadPayloadWakeFacts(tx, ctx, wake))
  if (outcome.kind === 'queued' || outcome.kind === 'joined') return outcome
  invariant(outcome.kind === 'skipped' && outcome.why !== 'timer_off', 'a wake for no issue is queued, joins another or is skipped')
  return { kind: 'not_woken', why: outcome.why }
}
