import { stateMachine } from '../platform/kernel/stateMachine.ts'

export const companyStatus = stateMachine('company', {
  active: ['paused', 'archived'],
  paused: ['active', 'archived'],
  // The board may restore an archived company. The statuses of its agents do not change.
  archived: ['active', 'paused'],
})
export type CompanyStatus = (typeof companyStatus.statuses)[number]
