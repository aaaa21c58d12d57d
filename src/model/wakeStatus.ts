import { stateMachine } from '../platform/kernel/stateMachine.ts'

/**
 * A wake waits (`deferred_issue_execution`) while another run holds its issue, is `queued` once it has a run of its
 * own, `claimed` when that run starts, and then ends; one whose run is lost with its server is `queued` once more. The names are those of the public wire.
 */
export const wakeStatus = stateMachine('wake', {
  deferred_issue_execution: ['queued', 'coalesced', 'skipped', 'cancelled'],
  queued: ['claimed', 'deferred_issue_execution', 'coalesced', 'skipped', 'completed', 'failed', 'cancelled'],
  claimed: ['queued', 'completed', 'failed', 'cancelled'],
  coalesced: [],
  skipped: [],
  completed: [],
  failed: [],
  cancelled: [],
})
