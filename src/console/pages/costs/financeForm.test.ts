import { expect, test } from 'vitest'
import { financeEventKinds } from '../../../model/money.ts'
import { eventOf, financeKinds } from './financeForm.ts'
import type { FinanceForm } from './financeForm.ts'

const form: FinanceForm = {
  kind: 'credit_purchase',
  direction: 'debit',
  biller: ' Acme ',
  amount: '12.5',
  day: '2026-02-28',
  isEstimated: false,
  invoice: '',
  description: ' A year ',
}

test('A form makes an event in cents at the beginning of its day in UTC, without the fields that are empty', () => {
  expect(eventOf(form)).toEqual({
    eventKind: 'credit_purchase',
    direction: 'debit',
    biller: 'Acme',
    amountCents: 1250,
    occurredAt: '2026-02-28T00:00:00.000Z',
    estimated: false,
    externalInvoiceId: null,
    description: 'A year',
  })
})

test('A form without a biller, an amount or a day makes no event', () => {
  expect(eventOf({ ...form, biller: ' ' })).toBeNull()
  expect(eventOf({ ...form, amount: '' })).toBeNull()
  expect(eventOf({ ...form, amount: '1,000' })).toBeNull()
  expect(eventOf({ ...form, day: null })).toBeNull()
})

test('The form offers every kind of the server', () => {
  expect(financeKinds.toSorted()).toEqual([...financeEventKinds].toSorted())
})
