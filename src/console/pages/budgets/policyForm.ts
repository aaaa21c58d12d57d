// The form of a policy, and the policy that it makes. Amounts are typed as money, and sent in cents.

import type { BudgetPolicy } from '../../api/types.ts'
import { centsOf, typedCents } from '../../parts/money.ts'

export interface PolicyForm {
  readonly scopeType: BudgetPolicy['scopeType']
  /** Empty until an agent or a project is chosen. */
  readonly scopeId: string
  readonly windowKind: BudgetPolicy['windowKind']
  readonly amount: string
  readonly warnPercent: string
  readonly isHard: boolean
  readonly notifies: boolean
  /** Empty leaves it to what earlier runs cost. */
  readonly reserve: string
}

/** A policy as the server takes it. */
export type PolicyBody = Pick<
  BudgetPolicy,
  'scopeType' | 'scopeId' | 'windowKind' | 'amount' | 'warnPercent' | 'hardStopEnabled' | 'notifyEnabled' | 'reserveCents'
>

/** The form of a new policy. @param scope the one that it limits, where it is known */
export const newForm = (scope: Pick<PolicyForm, 'scopeType' | 'scopeId'>): PolicyForm => ({
  ...scope,
  windowKind: 'calendar_month_utc',
  amount: '',
  warnPercent: '80',
  isHard: true,
  notifies: true,
  reserve: '',
})

/** The form of a policy that exists. */
export const formOf = (policy: BudgetPolicy): PolicyForm => ({
  scopeType: policy.scopeType,
  scopeId: policy.scopeId,
  windowKind: policy.windowKind,
  amount: typedCents(policy.amount),
  warnPercent: String(policy.warnPercent),
  isHard: policy.hardStopEnabled,
  notifies: policy.notifyEnabled,
  reserve: policy.reserveCents === null ? '' : typedCents(policy.reserveCents),
})

export const NO_AMOUNT = 'This is no amount: write it as 250 or 12.50.'

/** Why fields of the form are wrong, each in one sentence. A field that is still empty is not wrong. */
export function faultsOf({ amount, warnPercent, reserve }: PolicyForm): Readonly<Partial<Record<keyof PolicyForm, string>>> {
  const cents = centsOf(amount)
  const isPercent = /^\d{1,2}$/.test(warnPercent) && Number(warnPercent) >= 1
  return {
    ...(cents === null ? { amount: NO_AMOUNT } : amount.trim() !== '' && cents === 0 ? { amount: 'The limit has to be more than 0.' } : {}),
    ...(isPercent ? {} : { warnPercent: 'A whole number from 1 to 99.' }),
    ...(centsOf(reserve) === null ? { reserve: NO_AMOUNT } : {}),
  }
}

/** The policy of a form; null while a field is missing or wrong. */
export function policyOf(form: PolicyForm): PolicyBody | null {
  const amount = centsOf(form.amount)
  if (form.scopeId === '' || amount === null || amount === 0 || Object.keys(faultsOf(form)).length > 0) return null
  const reserve = centsOf(form.reserve) ?? 0
  return {
    scopeType: form.scopeType,
    scopeId: form.scopeId,
    windowKind: form.windowKind,
    amount,
    warnPercent: Number(form.warnPercent),
    hardStopEnabled: form.isHard,
    notifyEnabled: form.notifies,
    reserveCents: reserve === 0 ? null : reserve,
  }
}

/** The request that takes a policy out of force, and keeps the rest of it. */
export const offOf = (policy: BudgetPolicy): PolicyBody => ({
  scopeType: policy.scopeType,
  scopeId: policy.scopeId,
  windowKind: policy.windowKind,
  amount: 0,
  warnPercent: policy.warnPercent,
  hardStopEnabled: policy.hardStopEnabled,
  notifyEnabled: policy.notifyEnabled,
  reserveCents: policy.reserveCents,
})

/** The policy that the form would change; undefined where it makes a new one. */
export const existing = (policies: readonly BudgetPolicy[], { scopeType, scopeId, windowKind }: PolicyForm): BudgetPolicy | undefined =>
  policies.find((policy) => policy.scopeType === scopeType && policy.scopeId === scopeId && policy.windowKind === windowKind)
