import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { createWorker } from './worker.ts'
import type { Round, Worker, WorkerOptions } from './worker.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }))
afterEach(() => void vi.useRealTimers())

interface Harness {
  readonly worker: Worker
  /** When each round began, in milliseconds. */
  readonly begunAt: number[]
  /** Ends the round in progress. */
  readonly finish: (nextDelayMs?: number) => Promise<void>
  readonly fail: () => Promise<void>
  readonly failures: number[]
  readonly round: () => Round
}

function createHarness(options: Partial<WorkerOptions> = {}): Harness {
  const startedAt = performance.now()
  const begunAt: number[] = []
  const failures: number[] = []
  let currentRound: Round | undefined
  let end: { resolve: (value: number | void) => void; reject: (error: Error) => void } | undefined
  const worker = createWorker({
    minDelayMs: 10,
    maxDelayMs: 120,
    onError: (_, count) => failures.push(count),
    work: (round) => {
      expect(end, 'two rounds at once').toBeUndefined()
      currentRound = round
      begunAt.push(performance.now() - startedAt)
      return new Promise((resolve, reject) => (end = { resolve, reject }))
    },
    ...options,
  })
  const endRound = async (how: (ending: NonNullable<typeof end>) => void): Promise<void> => {
    if (end === undefined) throw new Error('no round is in progress')
    how(end)
    end = undefined
    await worker.whenIdle()
  }
  return {
    worker,
    begunAt,
    failures,
    finish: (nextDelayMs) => endRound(({ resolve }) => resolve(nextDelayMs)),
    fail: () => endRound(({ reject }) => reject(new Error('failed'))),
    round: () => currentRound as Round,
  }
}

describe('createWorker', () => {
  test('Notifications that come before the round begins cause one round', async () => {
    const { worker, begunAt, finish } = createHarness()
    worker.notify()
    vi.advanceTimersByTime(5)
    worker.notify()
    vi.advanceTimersByTime(5)
    expect(begunAt).toEqual([10])
    await finish()
    vi.advanceTimersByTime(10_000)
    expect(begunAt).toEqual([10])
  })

  test('A notification during a round causes one more round after it, and never a second one at once', async () => {
    const { worker, begunAt, finish } = createHarness()
    worker.notify()
    vi.advanceTimersByTime(10)
    worker.notify()
    worker.notify()
    vi.advanceTimersByTime(100)
    expect(begunAt).toEqual([10])
    await finish()
    vi.advanceTimersByTime(10)
    expect(begunAt).toEqual([10, 120])
    await finish()
    vi.advanceTimersByTime(10_000)
    expect(begunAt).toHaveLength(2)
  })

  test('A notification that the round takes causes no further round', async () => {
    const { worker, begunAt, finish, round } = createHarness()
    worker.notify()
    vi.advanceTimersByTime(10)
    expect(round().takeNotification()).toBe(false)
    worker.notify()
    expect(round().takeNotification()).toBe(true)
    expect(round().takeNotification()).toBe(false)
    await finish()
    vi.advanceTimersByTime(10_000)
    expect(begunAt).toHaveLength(1)
  })

  test('The delay that a round returns is shortened by a notification', async () => {
    const { worker, begunAt, finish } = createHarness()
    worker.runNow()
    await finish(1000)
    vi.advanceTimersByTime(999)
    expect(begunAt).toEqual([0])
    vi.advanceTimersByTime(1)
    expect(begunAt).toEqual([0, 1000])
    await finish(1000)
    worker.notify()
    vi.advanceTimersByTime(10)
    expect(begunAt).toEqual([0, 1000, 1010])
  })

  test('A notification does not postpone a round that is due sooner', async () => {
    const { worker, begunAt, finish } = createHarness()
    worker.runNow()
    await finish(4)
    worker.notify()
    vi.advanceTimersByTime(4)
    expect(begunAt).toEqual([0, 4])
  })

  test('The minimum delay may depend on the time at which the round is scheduled', async () => {
    let delayMs = 0
    const { worker, begunAt, finish } = createHarness({ minDelayMs: () => delayMs })
    worker.notify()
    vi.advanceTimersByTime(0)
    await finish()
    delayMs = 50
    worker.notify()
    vi.advanceTimersByTime(49)
    expect(begunAt).toEqual([0])
    vi.advanceTimersByTime(1)
    expect(begunAt).toEqual([0, 50])
  })

  test('`runNow` cancels the delay, and during a round the next one follows directly', async () => {
    const { worker, begunAt, finish } = createHarness()
    worker.notify()
    worker.runNow()
    expect(begunAt).toEqual([0])
    worker.runNow()
    expect(begunAt).toEqual([0])
    await finish()
    vi.advanceTimersByTime(0)
    expect(begunAt).toEqual([0, 0])
    await finish()
    vi.advanceTimersByTime(10_000)
    expect(begunAt).toHaveLength(2)
  })

  test('Failed rounds are repeated with a growing delay up to the maximum, which notifications do not shorten', async () => {
    const { worker, begunAt, finish, fail, failures } = createHarness()
    worker.runNow()
    for (const delayMs of [50, 100, 120, 120]) {
      worker.notify()
      await fail()
      worker.notify()
      vi.advanceTimersByTime(delayMs)
    }
    expect(begunAt).toEqual([0, 50, 150, 270, 390])
    expect(failures).toEqual([1, 2, 3, 4])
    await finish()
    worker.notify()
    vi.advanceTimersByTime(10)
    expect(begunAt.at(-1)).toBe(400)
    await fail()
    expect(failures.at(-1)).toBe(1)
  })

  test('`stop` waits for the round in progress, aborts its signal and begins no other', async () => {
    const { worker, begunAt, finish, round } = createHarness()
    worker.notify()
    vi.advanceTimersByTime(10)
    worker.notify()
    let isStopped = false
    const stopping = worker.stop().then(() => (isStopped = true))
    expect(round().signal.aborted).toBe(true)
    await Promise.resolve()
    expect(isStopped).toBe(false)
    await finish(5)
    await stopping
    worker.notify()
    worker.runNow()
    vi.advanceTimersByTime(10_000)
    expect(begunAt).toEqual([10])
    expect(worker.isBusy()).toBe(false)
  })

  test('`stop` cancels a round that has not begun', async () => {
    const { worker, begunAt } = createHarness()
    worker.notify()
    await worker.stop()
    vi.advanceTimersByTime(10_000)
    expect(begunAt).toEqual([])
  })
})
