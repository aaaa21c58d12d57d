import { stateMachine } from '../platform/kernel/stateMachine.ts'

export const approvalStatus = stateMachine('approval', {
  pending: ['approved', 'rejected', 'revision_requested', 'cancelled'],
  revision_requested: ['pending', 'approved', 'rejected', 'cancelled'],
  approved: [],
  rejected: [],
  cancelled: [],
})
export type ApprovalStatus = (typeof approvalStatus.statuses)[number]

export const approvalTypes = ['hire_agent', 'approve_ceo_strategy', 'budget_override_required', 'request_board_approval'] as const
export type ApprovalType = (typeof approvalTypes)[number]
