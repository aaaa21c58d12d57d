import { QueryClient, QueryObserver } from '@tanstack/react-query'
import type { Query } from '@tanstack/react-query'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createFreshener } from './freshness.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** A read that takes a time, and counts how often it was asked for. */
function readOf(ms: number) {
  const queries = new QueryClient({ defaultOptions: { queries: { staleTime: Infinity, retry: false } } })
  const asked: number[] = []
  let state = 0
  const observer = new QueryObserver<number>(queries, {
    queryKey: ['issues'],
    queryFn: async () => {
      asked.push(Date.now())
      const seen = state
      await new Promise((resolve) => void setTimeout(resolve, ms))
      return seen
    },
  })
  const freshen = createFreshener(queries)
  return {
    asked,
    observer,
    change: () => {
      state += 1
      const query = queries.getQueryCache().find({ queryKey: ['issues'] }) as Query | undefined
      if (query !== undefined) freshen(query)
    },
    shown: () => observer.getCurrentResult().data,
    state: () => state,
  }
}

/** Changes it for five seconds, `perSecond` times in each, and lets it rest. */
async function changeFor5Seconds(read: ReturnType<typeof readOf>, perSecond: number): Promise<void> {
  for (let at = 0; at < 5 * perSecond; at += 1) {
    read.change()
    await vi.advanceTimersByTimeAsync(1000 / perSecond)
  }
}

test('One event is shown at once, and a hundred in a second cost one request in a second', async () => {
  const read = readOf(20)
  read.observer.subscribe(() => null)
  await vi.advanceTimersByTimeAsync(100)
  read.change()
  await vi.advanceTimersByTimeAsync(30)
  expect(read.shown()).toBe(1)
  const before = read.asked.length
  await changeFor5Seconds(read, 100)
  expect(read.asked.length - before).toBeLessThanOrEqual(6)
  await vi.advanceTimersByTimeAsync(1100)
  expect(read.shown()).toBe(read.state())
})

test('A read that takes long is never interrupted, is read for a tenth of the time at most, and shows the last state in the end', async () => {
  const read = readOf(2000)
  read.observer.subscribe(() => null)
  await vi.advanceTimersByTimeAsync(2100)
  for (let round = 0; round < 12; round += 1) await changeFor5Seconds(read, 10)
  expect(read.asked.length).toBeLessThanOrEqual(5)
  expect(read.shown()).toBeGreaterThan(1)
  await vi.advanceTimersByTimeAsync(25_000)
  expect(read.shown()).toBe(read.state())
})

test('A change during the first answer is not lost', async () => {
  const read = readOf(500)
  read.observer.subscribe(() => null)
  await vi.advanceTimersByTimeAsync(100)
  read.change()
  await vi.advanceTimersByTimeAsync(1100)
  expect(read.shown()).toBe(1)
})

test('A read that no page shows is not asked for, and is read when it is shown', async () => {
  const read = readOf(10)
  const leave = read.observer.subscribe(() => null)
  await vi.advanceTimersByTimeAsync(50)
  leave()
  read.change()
  await vi.advanceTimersByTimeAsync(5000)
  expect(read.asked).toHaveLength(1)
  read.observer.subscribe(() => null)
  await vi.advanceTimersByTimeAsync(50)
  expect(read.shown()).toBe(1)
})
