import { stateMachine } from '../platform/kernel/stateMachine.ts'

/**
 * A wake waits (`deferred_issue_execution`) while another run holds its issue. It is `queued` when it has its own run,
 * `claimed` when that run starts, and then it ends. When its run is lost with its server it is `queued` once more. The
 * names are those of Paperclip's API.
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
