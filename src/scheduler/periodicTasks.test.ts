import { describe, expect, test } from 'vitest'
import { createLog } from '../platform/kernel/log.ts'
import { startPeriodicTasks } from './periodicTasks.ts'

const log = createLog('silent', false)

/** A promise and the function that resolves it. */
function gate(): { readonly passed: Promise<void>; readonly open: () => void } {
  let open = (): void => {}
  const passed = new Promise<void>((resolve) => {
    open = resolve
  })
  return { passed, open }
}

describe('startPeriodicTasks', () => {
  test('Every task runs repeatedly, also after a failure', async () => {
    const third = gate()
    let runs = 0
    const periodicTasks = startPeriodicTasks(
      [
        {
          name: 'fails',
          intervalMs: 1,
          run: async () => {
            runs += 1
            if (runs === 3) third.open()
            throw new Error('not now')
          },
        },
      ],
      log,
    )
    await third.passed
    await periodicTasks.stop()
    expect(runs).toBeGreaterThanOrEqual(3)
  })

  test('A failed task is retried sooner than its interval', async () => {
    const fourth = gate()
    const order: string[] = []
    const task = (name: string, run: () => void) => ({
      name,
      intervalMs: 5000,
      run: async () => {
        order.push(name)
        if (order.length === 4) fourth.open()
        run()
      },
    })
    const failing = task('fails', () => {
      throw new Error('not now')
    })
    const periodicTasks = startPeriodicTasks([failing, task('succeeds', () => {})], log)
    await fourth.passed
    await periodicTasks.stop()
    // Both tasks start within a second, and the one that succeeds is not due again for four more seconds.
    expect(order.toSorted()).toEqual(['fails', 'fails', 'fails', 'succeeds'])
  })

  test('A task never runs twice at once, and a slow task delays no other', async () => {
    const [started, released, others] = [gate(), gate(), gate()]
    let running = 0
    let most = 0
    let quick = 0
    const periodicTasks = startPeriodicTasks(
      [
        {
          name: 'slow',
          intervalMs: 1,
          run: async () => {
            running += 1
            most = Math.max(most, running)
            started.open()
            await released.passed
            running -= 1
          },
        },
        {
          name: 'quick',
          intervalMs: 1,
          run: async () => {
            quick += 1
            if (quick === 5) others.open()
          },
        },
      ],
      log,
    )
    await started.passed
    await others.passed
    released.open()
    await periodicTasks.stop()
    expect(most).toBe(1)
  })

  test('A stop waits for the tasks in progress and starts no more', async () => {
    const [started, released] = [gate(), gate()]
    let runs = 0
    let hasEnded = false
    const periodicTasks = startPeriodicTasks(
      [
        {
          name: 'slow',
          intervalMs: 1,
          run: async () => {
            runs += 1
            started.open()
            await released.passed
            hasEnded = true
          },
        },
      ],
      log,
    )
    await started.passed
    const stopped = periodicTasks.stop()
    released.open()
    await stopped
    expect({ hasEnded, runs }).toEqual({ hasEnded: true, runs: 1 })
  })
})
