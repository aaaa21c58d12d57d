import { expect, test } from 'vitest'
import { createWaitingLine } from './waitingLine.ts'

test('A line gives its values in the order in which they came', () => {
  const line = createWaitingLine<string>()
  for (const value of ['a', 'b', 'c']) line.add(value)
  expect(line.first()).toBe('a')
  expect(line.values()).toEqual(['a', 'b', 'c'])
  expect([line.take(), line.take(), line.take(), line.take()]).toEqual(['a', 'b', 'c', undefined])
  expect(line.first()).toBeUndefined()
})

test.each([
  [0, ['b', 'c', 'd']],
  [1, ['a', 'c', 'd']],
  [2, ['a', 'b', 'd']],
])('The others keep their order when the value at %i leaves, also when it leaves twice', (index, rest) => {
  const line = createWaitingLine<string>()
  const places = ['a', 'b', 'c'].map((value) => line.add(value))
  const place = places[index]
  if (place === undefined) throw new Error('no place')
  line.leave(place)
  line.add('d')
  line.leave(place)
  expect(line.values()).toEqual(rest)
  expect([line.take(), line.take(), line.take(), line.take()]).toEqual([...rest, undefined])
})

test('A line takes the next value when all before it have left', () => {
  const line = createWaitingLine<number>()
  for (let round = 0; round < 3; round += 1) {
    const place = line.add(round)
    line.leave(place)
    expect(line.take()).toBeUndefined()
  }
  line.add(3)
  expect(line.take()).toBe(3)
})
