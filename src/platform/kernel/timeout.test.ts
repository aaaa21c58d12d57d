import { describe, expect, test, vi } from 'vitest'
import { settlesWithin, withTimeout } from './timeout.ts'

const never = new Promise<never>(() => {})

describe('withTimeout', () => {
  test('A promise that settles in time gives its value or its error', async () => {
    expect(await withTimeout(Promise.resolve('value'), 1000, () => 'late')).toBe('value')
    await expect(withTimeout(Promise.reject(new Error('lost')), 1000, () => 'late')).rejects.toThrow('lost')
  })

  test('A promise that does not settle in time is replaced by what onTimeout returns or throws', async () => {
    expect(await withTimeout(never, 1, () => 'late')).toBe('late')
    const refuseLate = (): never => {
      throw new Error('late')
    }
    await expect(withTimeout(never, 1, refuseLate)).rejects.toThrow('late')
  })

  test('The timer is cleared when the promise settles', async () => {
    vi.useFakeTimers()
    try {
      await withTimeout(Promise.resolve(), 1000, () => {})
      expect(vi.getTimerCount()).toBe(0)
    } finally {
      vi.useRealTimers()
    }
  })
})

describe('settlesWithin', () => {
  test('A promise that was fulfilled or rejected in time has settled, any other has not', async () => {
    expect(await settlesWithin(Promise.resolve(), 1000)).toBe(true)
    expect(await settlesWithin(Promise.reject(new Error('lost')), 1000)).toBe(true)
    expect(await settlesWithin(never, 1)).toBe(false)
  })
})
