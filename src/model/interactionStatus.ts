import { stateMachine } from '../platform/kernel/stateMachine.ts'

export const interactionStatus = stateMachine('interaction', {
  pending: ['accepted', 'rejected', 'answered', 'cancelled', 'expired', 'failed'],
  accepted: [],
  rejected: [],
  answered: [],
  cancelled: [],
  expired: [],
  failed: [],
})
export type InteractionStatus = (typeof interactionStatus.statuses)[number]

export const interactionKinds = ['suggest_tasks', 'ask_user_questions', 'request_confirmation'] as const
export type InteractionKind = (typeof interactionKinds)[number]
export const continuationPolicies = ['none', 'wake_assignee', 'wake_assignee_on_accept'] as const
