import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { mapInTurns } from './turns.ts'

test('Long work on many items lets others have their turn in between, and keeps the order', async () => {
  let turnsOfOthers = 0
  const timer = setInterval(() => (turnsOfOthers += 1), 1)
  const items = Array.from({ length: 30 }, (_, index) => index)
  const mapped = await mapInTurns(items, (item) => {
    for (const beganMs = performance.now(); performance.now() - beganMs < 5;);
    return item * 2
  })
  clearInterval(timer)
  expect(mapped).toEqual(items.map((item) => item * 2))
  expect(turnsOfOthers).toBeGreaterThan(2)
})

test('Short work is done in one turn', async () => {
  let isOthersTurn = false
  setImmediate(() => (isOthersTurn = true))
  expect(await mapInTurns([1, 2, 3], (item) => item + 1)).toEqual([2, 3, 4])
  expect(isOthersTurn).toBe(false)
})

const STEP_MS = 1
const busyStep = (): void => {
  for (const beganMs = performance.now(); performance.now() - beganMs < STEP_MS;);
}
const work = (steps: number): Promise<unknown> => mapInTurns(Array.from({ length: steps }), busyStep)

test('Forty works at once keep the event loop no longer than one of them', async () => {
  let longestMs = 0
  let lastMs = performance.now()
  const timer = setInterval(() => {
    longestMs = Math.max(longestMs, performance.now() - lastMs)
    lastMs = performance.now()
  }, 1)
  const beganMs = performance.now()
  await Promise.all(Array.from({ length: 40 }, () => work(25)))
  clearInterval(timer)
  // The first steps of all of them come together, 2 ms each, and everything after them in turns of 10 ms.
  expect(longestMs).toBeLessThan((performance.now() - beganMs) / 4)
})

test('A work that begins later and is shorter ends before the long ones', async () => {
  const ends: string[] = []
  const long = Promise.all(Array.from({ length: 20 }, () => work(60).then(() => ends.push('long'))))
  await nextTurn()
  await work(15).then(() => ends.push('short'))
  await long
  expect(ends.indexOf('short')).toBe(0)
})
