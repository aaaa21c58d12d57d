import type { RefusalCode } from '../platform/kernel/errors.ts'
import { stateMachine } from '../platform/kernel/stateMachine.ts'

export const companyStatus = stateMachine('company', {
  active: ['paused', 'archived'],
  paused: ['active', 'archived'],
  // The board may restore an archived company. The statuses of its agents do not change.
  archived: ['active', 'paused'],
})
export type CompanyStatus = (typeof companyStatus.statuses)[number]

/** The refusal of the writes of a company's agents by its status; null lets them write. A paused company starts no run, and those at work finish. */
export const companyWriteRefusals: Readonly<Record<CompanyStatus, RefusalCode | null>> = {
  active: null,
  paused: null,
  archived: 'company_not_active',
}
