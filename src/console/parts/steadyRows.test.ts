import { expect, test } from 'vitest'
import { onThisMachine } from '../../dev/testing/slowness.ts'
import { holdOrder } from './steadyRows.ts'

interface Row {
  readonly key: string
  readonly value: number
}

const rows = (keys: string, value = 0): readonly Row[] => keys.split('').map((key) => ({ key, value }))
const hold = (shown: string, now: string, hasMore = false) => {
  const { rows: held, added, gone } = holdOrder(rows(shown), rows(now, 1), ({ key }) => key, hasMore)
  return { order: held.map(({ key }) => key).join(''), values: held.map(({ value }) => value).join(''), added, gone: [...gone].join('') }
}

test('Rows that are shown keep their places and have their new content', () => {
  expect(hold('abc', 'cab')).toEqual({ order: 'abc', values: '111', added: 0, gone: '' })
})

test('Rows that came between others are counted and not shown; those behind the last one come in', () => {
  expect(hold('abc', 'xabyc')).toMatchObject({ order: 'abc', added: 2 })
  expect(hold('abc', 'abcde')).toMatchObject({ order: 'abcde', values: '11111', added: 0 })
  expect(hold('abc', 'xabcde')).toMatchObject({ order: 'abcde', added: 1 })
})

test('A row that went stays as it was and is named, but one that may only be behind the end of what was read is not', () => {
  expect(hold('abc', 'ac')).toEqual({ order: 'abc', values: '101', added: 0, gone: 'b' })
  expect(hold('abc', 'xab', true)).toEqual({ order: 'abc', values: '110', added: 1, gone: '' })
  expect(hold('abc', 'xab')).toMatchObject({ gone: 'c' })
  expect(hold('abc', '')).toEqual({ order: 'abc', values: '000', added: 0, gone: 'abc' })
})

test('Ten thousand rows are held in a moment', () => {
  const many = (from: number): readonly Row[] => Array.from({ length: 10_000 }, (_, at) => ({ key: String(at + from), value: at }))
  const [shown, now] = [many(0), many(100)]
  holdOrder(shown, now, ({ key }) => key, true)
  const startedAt = performance.now()
  const { added, gone } = holdOrder(shown, now, ({ key }) => key, true)
  expect(performance.now() - startedAt).toBeLessThan(onThisMachine(500))
  expect([added, gone.size]).toEqual([0, 100])
})
