import { machine } from '../kernel/machine.ts'

export const companyStatus = machine('company', {
  active: ['paused', 'archived'],
  paused: ['active', 'archived'],
  // The board may take a company back out of the archive; its agents stay where they were.
  archived: ['active', 'paused'],
})
export type CompanyStatus = (typeof companyStatus.statuses)[number]
