// The issues that a run holds, and those that were taken from it. Pure functions.

import type { HoldDetail, Run } from '../../api/types.ts'
import { reasonOf } from '../../holding/history.ts'
import type { HoldEvent } from '../../holding/history.ts'

/** Whether a run holds an issue. */
export const isHeldBy = ({ checkoutRunId, executionRunId }: Pick<HoldDetail, 'checkoutRunId' | 'executionRunId'>, runId: string): boolean =>
  checkoutRunId === runId || executionRunId === runId

/** A hold that an operator took from a run, permanently. */
export interface Eviction {
  readonly hold: HoldDetail
  readonly event: HoldEvent
  readonly reason: string | null
}

const evictedIn = ({ details }: HoldEvent): readonly unknown[] => {
  const ids = details['evictedRunIds']
  return Array.isArray(ids) ? ids : []
}

/** The evictions of a run, from the histories of its issues. */
export const evictionsOf = (runId: string, holds: readonly HoldDetail[]): readonly Eviction[] =>
  holds.flatMap((hold) =>
    hold.history.filter((event) => evictedIn(event).includes(runId)).map((event) => ({ hold, event, reason: reasonOf(event) })),
  )

/** The effects of a cancellation, one sentence each. */
export function cancelEffects(run: Run, held: readonly HoldDetail[]): readonly string[] {
  const process =
    run.status === 'queued'
      ? 'The run will not start.'
      : run.processPid !== null
        ? `Its process (${run.processPid}) and all that it has started get SIGTERM, and SIGKILL when they do not end in the grace time of the agent.`
        : 'No process of it is known to this server: its agent learns of the end with its next heartbeat. Further writes of the run are refused.'
  const issues = held.map(({ identifier, title, waitingWakes, waiting: [first] }) => {
    const waits = `${waitingWakes} ${waitingWakes === 1 ? 'wake waits' : 'wakes wait'}`
    const next = waitingWakes === 0 ? 'no wake waits for it' : `${waits}, and ${first?.agentName ?? 'the oldest'} is next`
    return `${identifier} “${title}” becomes free: ${next}.`
  })
  return [process, ...(issues.length > 0 ? issues : ['It holds no issue.']), 'The wake of the run is not queued again.']
}
