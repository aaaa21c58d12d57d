import { expect, test } from 'vitest'
import type { LogLine } from './lines.ts'
import { tailOf } from './pieces.ts'
import { cutAt, findIn, indexOfKey, linesOf, textOf } from './view.ts'

const lineOf = (text: string, at: number): LogLine => ({ key: at * 10, ts: '', stream: 'stdout', text })
const lines = ['one', '\u001B[31mtwo\u001B[0m', '{"type":"message_update"}', 'Two again'].map(lineOf)

test('A text is found in whatever case, in what the view shows', () => {
  const nice = linesOf(lines, 'nice')
  expect(nice.map((line) => textOf(line, 'nice'))).toEqual(['one', 'two', 'Two again'])
  expect(findIn(nice, 'nice', 'TWO')).toEqual([10, 30])
  expect(findIn(lines, 'raw', '[31m')).toEqual([10])
  expect(findIn(lines, 'nice', '')).toEqual([])
})

test('A line is found again by its key', () => {
  expect(lines.map(({ key }) => indexOfKey(lines, key))).toEqual([0, 1, 2, 3])
  expect(indexOfKey(lines, 5)).toBe(-1)
})

test('A text is cut at its findings, and every second part is one', () => {
  expect(cutAt('Two and two', 'two')).toEqual(['', 'Two', ' and ', 'two', ''])
  expect(cutAt('nothing', 'two')).toEqual(['nothing'])
})

test('The end of the log of a live run is found in few steps, however long the log is', async () => {
  for (const size of [0, 1, 256 * 1024, 256 * 1024 + 1, 50 * 1024 * 1024]) {
    let steps = 0
    const tail = await tailOf('run', null, (_, offset) => {
      steps += 1
      return Promise.resolve(offset < size)
    })
    expect(size - tail, String(size)).toBeLessThanOrEqual(256 * 1024)
    expect(tail === 0 || tail < size).toBe(true)
    expect(steps).toBeLessThan(20)
  }
  expect(await tailOf('run', 300 * 1024)).toBe(44 * 1024)
})
