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
