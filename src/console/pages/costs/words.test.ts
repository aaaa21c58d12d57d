import { expect, test } from 'vitest'
import { billingOf, runsOf, runsWords, shareOf, signedCents, spoken } from './words.ts'

test('The values of the server are said in words', () => {
  expect(spoken('credit_purchase')).toBe('Credit purchase')
  expect(billingOf('subscription_included')).toBe('in the subscription')
  expect(billingOf('of_tomorrow')).toBe('of tomorrow')
})

test('Runs are added up, and said by the way in which they were paid for', () => {
  const row = { apiRunCount: 3, subscriptionRunCount: 2 }
  expect(runsOf(row)).toBe(5)
  expect(runsWords(row)).toBe('3 paid by use, 2 in a subscription')
})

test('A share is a part of the whole, and 0 where the whole is nothing', () => {
  expect(shareOf(25, 200)).toBe(12.5)
  expect(shareOf(25, 0)).toBe(0)
})

test('A credit counts against what was spent', () => {
  expect(signedCents({ direction: 'credit', amountCents: 500 })).toBe(-500)
  expect(signedCents({ direction: 'debit', amountCents: 500 })).toBe(500)
})
