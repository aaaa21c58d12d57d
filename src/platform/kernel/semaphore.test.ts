import { describe, expect, test } from 'vitest'
import { createSemaphore } from './semaphore.ts'

describe('createSemaphore', () => {
  test('A slot is refused when any of its limits is reached, and then it counts under no key', () => {
    const semaphore = createSemaphore()
    const limitsOf = (sender: string) => [
      { key: 'all', max: 3 },
      { key: sender, max: 2 },
    ]
    expect(semaphore.tryAcquire(limitsOf('ann'))).not.toBeNull()
    expect(semaphore.tryAcquire(limitsOf('ann'))).not.toBeNull()
    expect(semaphore.tryAcquire(limitsOf('ann'))).toBeNull()
    expect([semaphore.countOf('all'), semaphore.countOf('ann')]).toEqual([2, 2])
    expect(semaphore.tryAcquire(limitsOf('ben'))).not.toBeNull()
    expect(semaphore.tryAcquire(limitsOf('cem'))).toBeNull()
    expect([semaphore.countOf('all'), semaphore.countOf('cem')]).toEqual([3, 0])
  })

  test('Releasing a slot twice gives back one slot', () => {
    const semaphore = createSemaphore()
    const limits = [{ key: 'all', max: 2 }]
    const release = semaphore.tryAcquire(limits)
    semaphore.tryAcquire(limits)
    release?.()
    release?.()
    expect(semaphore.countOf('all')).toBe(1)
  })
})
