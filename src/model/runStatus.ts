import { stateMachine } from '../platform/kernel/stateMachine.ts'

export const runStatus = stateMachine('run', {
  queued: ['running', 'cancelled', 'failed', 'timed_out'],
  running: ['succeeded', 'failed', 'cancelled', 'timed_out'],
  succeeded: [],
  failed: [],
  cancelled: [],
  timed_out: [],
})
export type RunStatus = (typeof runStatus.statuses)[number]
export type RunOutcome = 'succeeded' | 'failed' | 'cancelled' | 'timed_out'
