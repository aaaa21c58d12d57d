/**
 * The decision on every request for a run of an agent: pure, branch by branch, testable without a database.
 * A change of an issue (`enqueueWake`), a decided approval (`wakeAgent`), a call of the API and a timer all pass through it.
 */

export type WakeSource = 'timer' | 'assignment' | 'on_demand' | 'automation'

/** A live run that already covers a request. */
export interface OpenRun {
  readonly runId: string
  /** The wake in which further requests are counted; null where they are not counted. */
  readonly wakeId: string | null
  /** The run is running; otherwise it is queued and has yet to read why it was asked for. */
  readonly isAtWork: boolean
}

/** Everything the decision may know. */
export interface WakeFacts {
  /** The agent may be run at all, and its company is active. */
  readonly isInvokable: boolean
  /** The agent's configuration lets the source of the request wake it. */
  readonly listens: boolean
  readonly open: OpenRun | null
  /** A live run holds the issue. False where the request is about no issue. */
  readonly isHeld: boolean
  /** The agent's oldest wake that waits for the issue. */
  readonly deferredWakeId: string | null
  /** Wakes of the agent for the issue that agents requested recently; 0 where a person or the system asks. */
  readonly recentAgentWakes: number
}

/** The properties of a request on which the decision depends. */
export interface WakeTraits {
  readonly source: WakeSource
  /** The run works beside the holder of the issue: a mention asks for an answer, not for the work. */
  readonly runsBesideHolder: boolean
  /** A run that is already running covers the request. False for a comment that the run may not have read. */
  readonly joinsRunAtWork: boolean
  /** The loop bound also limits a wake that would only wait. A caller of the API is answered that its wake waits. */
  readonly boundsDeferral: boolean
  /** The mutation records an event of its own. Without one, a request that is refused as a loop may not be counted in a row. */
  readonly hasOwnEvent: boolean
}

export type SkipReason = 'agent_not_invokable' | 'timer_off' | 'wake_on_demand_off'

export type WakeDecision =
  /** No wake is written. */
  | { readonly kind: 'skip'; readonly why: SkipReason }
  /** The run covers the request too. */
  | { readonly kind: 'join'; readonly open: OpenRun }
  /** The wake that waits for the holder covers the request too. */
  | { readonly kind: 'join_deferred'; readonly wakeId: string }
  /** The issue is free: the wake that waits gets its run now and covers the request too. */
  | { readonly kind: 'promote'; readonly wakeId: string }
  /** A new wake waits for the holder of the issue. */
  | { readonly kind: 'defer' }
  /** Agents only wake each other: the request gets no run. */
  | { readonly kind: 'close_as_loop' }
  /** A new wake gets a queued run. */
  | { readonly kind: 'queue' }

/**
 * How often agents may wake one agent for one issue within an hour, with no person in between. Every three minutes for
 * an hour is a lively conversation. Beyond it they most likely only answer each other, and each answer costs a run.
 */
export const MAX_AGENT_WAKES_PER_HOUR = 20

const isLooping = (facts: WakeFacts): boolean => facts.recentAgentWakes >= MAX_AGENT_WAKES_PER_HOUR

/** Decides on a request for a run of an agent. The order of the branches is the rule. */
export function decideWake(facts: WakeFacts, request: WakeTraits): WakeDecision {
  const { open, deferredWakeId } = facts
  if (!facts.isInvokable) return { kind: 'skip', why: 'agent_not_invokable' }
  if (!facts.listens) return { kind: 'skip', why: request.source === 'timer' ? 'timer_off' : 'wake_on_demand_off' }
  if (open !== null && (!open.isAtWork || request.joinsRunAtWork)) return { kind: 'join', open }
  // A deferred wake never absorbs a request that runs beside the holder (a mention). Where the issue is free, the deferred
  // wake waits behind another queued run: it is promoted now, and no second one is inserted.
  if (deferredWakeId !== null && !request.runsBesideHolder) {
    return { kind: facts.isHeld ? 'join_deferred' : 'promote', wakeId: deferredWakeId }
  }
  const waits = facts.isHeld && !request.runsBesideHolder
  if (waits && !request.boundsDeferral) return { kind: 'defer' }
  if (isLooping(facts)) return { kind: 'close_as_loop' }
  return { kind: waits ? 'defer' : 'queue' }
}
