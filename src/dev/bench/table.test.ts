import { describe, expect, test } from 'vitest'
import { growthHead, growthRow } from './growth/measurement.ts'
import { costHead, costRow, rateHead, rateRow } from './peer/measurement.ts'
import type { MeasuredTurn } from './peer/measurement.ts'
import { barCell, markdownTable, short } from './table.ts'

const turn = (fields: Partial<MeasuredTurn>): MeasuredTurn => ({
  times: [1, 2],
  elapsedMs: 1000,
  generatorCpuMs: 0.1,
  statuses: { 200: 2 },
  bodyBytes: 200,
  serverCpuMs: 1,
  postgresCpuMs: 1,
  ...fields,
})

describe('the tables of the bench', () => {
  test('A table is Markdown whose columns are as wide as their cells', () => {
    expect(markdownTable(['a', 'bb'], [['long cell', '1'], ['c']])).toBe(
      ['| a         | bb  |', '| --------- | --- |', '| long cell | 1   |', '| c         |     |'].join('\n'),
    )
  })

  test('A number keeps three digits that count, and large ones have commas', () => {
    expect([0.1234, 9.876, 12.34, 123.4, 12_345.6, Number.NaN].map(short)).toEqual(['0.12', '9.88', '12.3', '123', '12,346', 'n/a'])
  })

  test('A bar that is not met stands out, and a work without a bar has an empty cell', () => {
    expect(barCell({ text: '≥ 9', isMet: true })).toBe('≥ 9 ok')
    expect(barCell({ text: '≥ 9', isMet: false })).toBe('≥ 9 **BELOW**')
    expect(barCell(null)).toBe('')
  })

  test('The row of a work has the medians of both sides, their ratio and its bar', () => {
    const ours = [turn({ times: [1, 1, 1, 1] }), turn({ times: [1, 1] }), turn({ times: [1, 1, 1, 1, 1, 1] })]
    const theirs = [turn({ times: [4] }), turn({ times: [4] }), turn({ times: [8, 8] })]
    const row = rateRow({ name: 'GET issue', callers: 8, bar: 3, ours, theirs })
    expect(row).toEqual(['GET issue', '8', '4.00', '1.00', '1.00', '1.00', '4.00', '4.00', '4.00', '≥ 3 ok', '4.00'])
    expect(row).toHaveLength(rateHead.length)
  })

  test('The costs are those of one request, of which a race has one for each caller', () => {
    const race = turn({
      times: [5],
      statuses: { 200: 1, 409: 15 },
      serverCpuMs: 16,
      postgresCpuMs: 8,
      generatorCpuMs: 1.6,
      bodyBytes: 1600,
    })
    const row = costRow({ name: 'race', callers: 16, bar: 9, ours: [race], theirs: [{ ...race, serverCpuMs: 160, postgresCpuMs: 80 }] })
    expect(row).toEqual(['race', '1,000', '500', '100', '100', '10,000', '5,000', '100', '100', '10.0'])
    expect(row).toHaveLength(costHead.length)
  })

  test('A read meets its bar when it is quick, or when it takes at most twice as long as at the small size', () => {
    const row = (small: number, large: number, isRefused = false) =>
      growthRow({ name: 'list', barMs: 15 }, { ms: small, isRefused: false }, { ms: large, isRefused })
    expect(row(1, 14)).toEqual(['list', '1.00', '14.0', '14.0', '≤ 2 x or ≤ 15 ms ok'])
    expect(row(10, 19).at(-1)).toBe('≤ 2 x or ≤ 15 ms ok')
    expect(row(10, 21).at(-1)).toBe('≤ 2 x or ≤ 15 ms **BELOW**')
    expect(row(10, 12, true).slice(2)).toEqual(['12.0, refused', '1.20', '≤ 2 x or ≤ 15 ms **BELOW**'])
    expect(row(1, 1)).toHaveLength(growthHead(1_000_000).length)
  })
})
