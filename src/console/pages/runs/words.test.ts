import { expect, test } from 'vitest'
import { bytesOf, costOf, stateOf, triggerOf } from './words.ts'

const lease = '2026-01-01T00:00:10.000Z'
const at = (second: number): number => Date.parse('2026-01-01T00:00:00.000Z') + second * 1000

test('A running run whose lease has run out is silent, and an ended one keeps its outcome', () => {
  expect(stateOf({ status: 'running', leaseExpiresAt: lease }, at(9))).toEqual({ words: 'running', tone: 'busy' })
  expect(stateOf({ status: 'running', leaseExpiresAt: lease }, at(10))).toEqual({ words: 'silent: lease ran out', tone: 'bad' })
  expect(stateOf({ status: 'timed_out', leaseExpiresAt: lease }, at(11))).toEqual({ words: 'timed out', tone: 'bad' })
})

test('The trigger of a run is said in words, and an unknown one as it is', () => {
  expect(triggerOf({ invocationSource: 'on_demand', triggerDetail: 'manual' })).toBe('On demand, by hand')
  expect(triggerOf({ invocationSource: 'assignment', triggerDetail: 'system' })).toBe('Assignment')
  expect(triggerOf({ invocationSource: 'moon', triggerDetail: null })).toBe('moon')
})

test('A run has a cost only where its agent reported one', () => {
  expect(costOf({ usageJson: null })).toBeNull()
  expect(costOf({ usageJson: { inputTokens: 4 } })).toBeNull()
  expect(costOf({ usageJson: { costUsd: 0.5 } })).toContain('0.50')
})

test('Bytes are said in the unit that fits', () => {
  expect([bytesOf(12), bytesOf(2048), bytesOf(3 * 1024 * 1024)]).toEqual(['12 B', '2 KB', '3 MB'])
})
