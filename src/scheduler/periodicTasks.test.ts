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

describe('startPeriodicTasks with a look', () => {
  const nothing = async () => {}

  test('A task runs when the look finds work for it, one that has nothing to do does not, and one at work is not looked for', async () => {
    const [third, released] = [gate(), gate()]
    const ran: string[] = []
    const asked: string[][] = []
    const look = {
      intervalMs: 1,
      findDue: async (names: readonly string[]) => {
        asked.push([...names])
        if (asked.length === 3) third.open()
        return new Set(['due', 'slow'])
      },
    }
    const task = (name: string, run: () => Promise<unknown>) => ({ name, intervalMs: 1, look, run: () => (ran.push(name), run()) })
    const periodicTasks = startPeriodicTasks([task('due', nothing), task('none', nothing), task('slow', () => released.passed)], log)
    await third.passed
    released.open()
    await periodicTasks.stop()
    expect(asked[0]).toEqual(['due', 'none', 'slow'])
    expect(asked[1]).not.toContain('slow')
    expect(asked[1]).toContain('none')
    expect(ran.filter((name) => name === 'slow')).toHaveLength(1)
    expect(ran).not.toContain('none')
    expect(ran).toContain('due')
  })

  test('A task is looked for as often as its interval says', async () => {
    const tenth = gate()
    const asked: string[][] = []
    const look = {
      intervalMs: 1,
      findDue: async (names: readonly string[]) => {
        asked.push([...names])
        if (asked.length === 10) tenth.open()
        return new Set<string>()
      },
    }
    const periodicTasks = startPeriodicTasks(
      [
        { name: 'often', intervalMs: 1, look, run: nothing },
        { name: 'seldom', intervalMs: 3_600_000, look, run: nothing },
      ],
      log,
    )
    await tenth.passed
    await periodicTasks.stop()
    expect(asked[0]).toEqual(['often', 'seldom'])
    expect(asked.slice(1).flat()).not.toContain('seldom')
  })

  test('When a look fails each task runs, and one that fails then is tried again without a look', async () => {
    const [healthy, retried] = [gate(), gate()]
    let looks = 0
    let runs = 0
    const look = {
      intervalMs: 1,
      findDue: async () => {
        looks += 1
        if (looks === 1) throw new Error('not now')
        return new Set<string>()
      },
    }
    const failing = async (): Promise<void> => {
      runs += 1
      if (runs === 1) throw new Error('not now')
      retried.open()
    }
    const periodicTasks = startPeriodicTasks(
      [
        { name: 'healthy', intervalMs: 1, look, run: async () => healthy.open() },
        { name: 'failing', intervalMs: 1, look, run: failing },
      ],
      log,
    )
    await Promise.all([healthy.passed, retried.passed])
    await periodicTasks.stop()
    expect(runs).toBe(2)
  })
})
