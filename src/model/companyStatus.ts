import { stateMachine } from '../platform/kernel/stateMachine.ts'

export const companyStatus = stateMachine('company', {
  active: ['paused', 'archived'],
  paused: ['active', 'archived'],
  // The board may take a company back out of the archive; its agents stay where they were.
  archived: ['active', 'paused'],
})
export type CompanyStatus = (typeof companyStatus.statuses)[number]
