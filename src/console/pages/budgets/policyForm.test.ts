import { expect, test } from 'vitest'
import type { BudgetPolicy } from '../../api/types.ts'
import { existing, faultsOf, formOf, newForm, offOf, policyOf } from './policyForm.ts'

const policy: BudgetPolicy = {
  policyId: 'b1',
  companyId: 'c1',
  scopeType: 'agent',
  scopeId: 'a1',
  scopeName: 'Grace',
  metric: 'billed_cents',
  windowKind: 'lifetime',
  amount: 1250,
  observedAmount: 100,
  reservedAmount: 0,
  remainingAmount: 1150,
  utilizationPercent: 8,
  warnPercent: 70,
  hardStopEnabled: true,
  notifyEnabled: false,
  isActive: true,
  reserveCents: 50,
  status: 'ok',
  paused: false,
  pauseReason: null,
  windowStart: '1970-01-01T00:00:00.000Z',
  windowEnd: null,
}

test('The form of a policy makes the same policy again, in cents', () => {
  expect(policyOf(formOf(policy))).toEqual({
    scopeType: 'agent',
    scopeId: 'a1',
    windowKind: 'lifetime',
    amount: 1250,
    warnPercent: 70,
    hardStopEnabled: true,
    notifyEnabled: false,
    reserveCents: 50,
  })
})

test('A form makes no policy without a scope or an amount, and says why a field is wrong', () => {
  const form = newForm({ scopeType: 'agent', scopeId: 'a1' })
  expect(policyOf(form)).toBeNull()
  expect(faultsOf(form)).toEqual({})
  expect(policyOf({ ...form, amount: '5' })).toMatchObject({ amount: 500, warnPercent: 80, hardStopEnabled: true, reserveCents: null })
  expect(policyOf({ ...form, amount: '5', scopeId: '' })).toBeNull()
  expect(faultsOf({ ...form, amount: '0' })).toHaveProperty('amount')
  expect(faultsOf({ ...form, amount: '5,00' })).toHaveProperty('amount')
  for (const warnPercent of ['', '0', '100', '1.5', '-1']) expect(faultsOf({ ...form, warnPercent })).toHaveProperty('warnPercent')
  expect(policyOf({ ...form, amount: '5', reserve: 'much' })).toBeNull()
})

test('A policy is taken out of force by the amount 0, and keeps the rest', () => {
  expect(offOf(policy)).toMatchObject({ amount: 0, warnPercent: 70, notifyEnabled: false, reserveCents: 50, windowKind: 'lifetime' })
})

test('A form changes the policy of the same scope and window', () => {
  const form = newForm({ scopeType: 'agent', scopeId: 'a1' })
  expect(existing([policy], form)).toBeUndefined()
  expect(existing([policy], { ...form, windowKind: 'lifetime' })).toBe(policy)
})
