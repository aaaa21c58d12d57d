import { expect, test } from 'vitest'
import type { WindowSpend } from '../../api/types.ts'
import { billersOf } from './windows.ts'

const row = (provider: string, biller: string, window: WindowSpend['window'], costCents: number): WindowSpend => ({
  provider,
  biller,
  window,
  windowHours: 1,
  costCents,
  inputTokens: 0,
  cachedInputTokens: 0,
  outputTokens: 0,
  unpricedEventCount: 0,
})

test('The windows of one provider and biller stand in one row, and another biller of the provider has a row of its own', () => {
  const groups = billersOf([row('acme', 'acme', '7d', 9), row('acme', 'reseller', '5h', 1), row('acme', 'acme', '5h', 4)])
  expect(groups.map(({ name }) => name)).toEqual(['acme', 'acme, billed by reseller'])
  expect(groups[0]?.spend['5h']?.costCents).toBe(4)
  expect(groups[0]?.spend['7d']?.costCents).toBe(9)
  expect(groups[1]?.spend['24h']).toBeUndefined()
})
