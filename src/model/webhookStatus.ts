import { stateMachine } from '../platform/kernel/stateMachine.ts'

/**
 * `active`: events are delivered. `parked`: the server has given up until the board resumes it; nothing is skipped. `disabled`: the board, or the receiver with
 * a 410, has ended it.
 */
export const webhookStatus = stateMachine('webhook endpoint', {
  active: ['parked', 'disabled'],
  parked: ['active', 'disabled'],
  disabled: ['active'],
})

/**
 * Why an endpoint is not active. `retries_exhausted`: one event was refused for a day. `log_not_kept`: retention has deleted events that were not
 * delivered. `gone`: the receiver answered 410. `board`: the board disabled it.
 */
export const webhookStops = ['retries_exhausted', 'log_not_kept', 'gone', 'board'] as const
export type WebhookStop = (typeof webhookStops)[number]

/** The reasons that a person has to look at. */
export const webhookFaults = ['retries_exhausted', 'log_not_kept', 'gone'] as const satisfies readonly WebhookStop[]
