import { describe, expect, test } from 'vitest'
import { centsOf, typedCents } from './money.ts'

describe('a typed amount', () => {
  test('An amount with two digits behind its point becomes cents, and nothing is 0', () => {
    expect([centsOf('12'), centsOf('12.5'), centsOf(' 0.07 '), centsOf('')]).toEqual([1200, 1250, 7, 0])
  })

  test('A text that is no amount has no cents', () => {
    expect([centsOf('12,50'), centsOf('-1'), centsOf('1.234'), centsOf('ten'), centsOf('1e3')]).toEqual([null, null, null, null, null])
  })

  test('Cents become the text that a person types for them', () => {
    for (const cents of [0, 7, 100, 1250, 99_999]) expect(centsOf(typedCents(cents))).toBe(cents)
    expect(typedCents(1200)).toBe('12')
  })
})
