import { describe, expect, test } from 'vitest'
import { createLog } from '../platform/kernel/log.ts'
import { startPeriodicTasks } from './periodicTasks.ts'

const log = createLog('silent', false)

/** A promise and the way to settle it. */
function gate(): { readonly passed: Promise<void>; readonly open: () => void } {
  let open = (): void => {}
  const passed = new Promise<void>((resolve) => {
    open = resolve
  })
  return { passed, open }
}

describe('the loop of duties', () => {
  test('runs each duty over and over, also after it failed', async () => {
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

  test('tries a duty that failed again sooner than its rhythm', async () => {
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
    // Both begin within a second, and one that succeeds is not due again for four more.
    expect(order.toSorted()).toEqual(['fails', 'fails', 'fails', 'succeeds'])
  })

  test('never runs a duty twice at once, and a slow one keeps no other waiting', async () => {
    const [started, released, others] = [gate(), gate(), gate()]
    let underWay = 0
    let most = 0
    let quick = 0
    const periodicTasks = startPeriodicTasks(
      [
        {
          name: 'slow',
          intervalMs: 1,
          run: async () => {
            underWay += 1
            most = Math.max(most, underWay)
            started.open()
            await released.passed
            underWay -= 1
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

  test('stopping waits for what is under way and starts nothing more', async () => {
    const [started, released] = [gate(), gate()]
    let runs = 0
    let over = false
    const periodicTasks = startPeriodicTasks(
      [
        {
          name: 'slow',
          intervalMs: 1,
          run: async () => {
            runs += 1
            started.open()
            await released.passed
            over = true
          },
        },
      ],
      log,
    )
    await started.passed
    const stopped = periodicTasks.stop()
    released.open()
    await stopped
    expect({ over, runs }).toEqual({ over: true, runs: 1 })
  })
})
