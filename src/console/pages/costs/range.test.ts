import { describe, expect, test } from 'vitest'
import { isBackward, queryOf, rangeOf, rangeWords } from './range.ts'
import type { Range } from './range.ts'

const of = (query: string, now: string): Range => rangeOf(new URLSearchParams(query), Date.parse(now))

describe('the range of the page of costs', () => {
  test('An address without a range means the present month, by its days in UTC', () => {
    expect(of('', '2026-11-30T23:59:59.999Z')).toEqual({ name: '', first: '2026-11-01', last: '2026-11-30' })
    expect(of('', '2026-12-01T00:00:00.000Z')).toEqual({ name: '', first: '2026-12-01', last: '2026-12-31' })
    expect(of('range=nonsense', '2028-02-10T00:00:00Z')).toEqual({ name: '', first: '2028-02-01', last: '2028-02-29' })
  })

  test('The last month is whole, also before a leap day and at the turn of a year', () => {
    expect(of('range=last-month', '2028-03-31T12:00:00Z')).toMatchObject({ first: '2028-02-01', last: '2028-02-29' })
    expect(of('range=last-month', '2026-01-01T00:00:00Z')).toMatchObject({ first: '2025-12-01', last: '2025-12-31' })
  })

  test('Seven days are today and the six days before it', () => {
    expect(of('range=7-days', '2026-03-03T01:00:00Z')).toMatchObject({ first: '2026-02-25', last: '2026-03-03' })
  })

  test('A custom range has the days of the address, and leaves out what is no day', () => {
    expect(of('range=custom&from=2026-02-28&to=2026-03-01', '2026-11-30T00:00:00Z')).toEqual({
      name: 'custom',
      first: '2026-02-28',
      last: '2026-03-01',
    })
    expect(of('range=custom&from=2026-02-30&to=soon', '2026-11-30T00:00:00Z')).toEqual({ name: 'custom', first: null, last: null })
    expect(isBackward(of('range=custom&from=2026-03-02&to=2026-03-01', '2026-11-30T00:00:00Z'))).toBe(true)
    expect(isBackward(of('range=custom&from=2026-03-02', '2026-11-30T00:00:00Z'))).toBe(false)
  })

  test('The server gets whole days, and nothing for an open end', () => {
    expect(queryOf(of('', '2026-11-15T00:00:00Z'))).toEqual({ from: '2026-11-01T00:00:00.000Z', to: '2026-12-01T00:00:00.000Z' })
    expect(queryOf(of('range=custom&to=2026-03-01', '2026-11-15T00:00:00Z'))).toEqual({ from: null, to: '2026-03-02T00:00:00.000Z' })
  })

  test('A range is said in words', () => {
    expect(rangeWords(of('', '2026-11-15T00:00:00Z'))).toBe('November 2026')
    expect(rangeWords(of('range=custom', '2026-11-15T00:00:00Z'))).toBe('since the beginning')
    expect(rangeWords(of('range=custom&from=2026-03-01&to=2026-03-01', '2026-11-15T00:00:00Z'))).toContain('2026')
    expect(rangeWords(of('range=7-days', '2026-11-15T00:00:00Z'))).toContain(' to ')
  })
})
