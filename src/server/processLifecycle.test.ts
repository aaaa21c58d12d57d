import { expect, onTestFinished, test, vi } from 'vitest'
import { pollFor } from '../dev/testing/serverProcess.ts'
import { createLog } from '../platform/kernel/log.ts'
import { createProcessLifecycle } from './processLifecycle.ts'
import type { ProcessLifecycle } from './processLifecycle.ts'

interface Observed {
  readonly lifecycle: ProcessLifecycle
  readonly codes: number[]
  readonly steps: string[]
  readonly ended: () => Promise<unknown>
}

function observe(): Observed {
  const codes: number[] = []
  const lifecycle = createProcessLifecycle((code) => codes.push(code))
  lifecycle.setLog(createLog('silent', false))
  return { lifecycle, codes, steps: [], ended: () => pollFor('the process ends', () => codes.length > 0) }
}

const starts =
  ({ steps }: Observed, name: string) =>
  async (): Promise<string> => {
    steps.push(`${name} starts`)
    return name
  }
const ends =
  ({ steps }: Observed) =>
  async (name: string): Promise<void> =>
    void steps.push(`${name} ends`)

test('Resources end once, newest first, however many signals the process receives', async () => {
  const observed = observe()
  await observed.lifecycle.startResource(starts(observed, 'Postgres'), ends(observed))
  await observed.lifecycle.startResource(starts(observed, 'server'), ends(observed))
  observed.lifecycle.handleSignal('SIGINT')
  observed.lifecycle.handleSignal('SIGTERM')
  observed.lifecycle.shutdown(1)
  await observed.ended()
  expect(observed.steps).toEqual(['Postgres starts', 'server starts', 'server ends', 'Postgres ends'])
  expect(observed.codes).toEqual([0])
})

test('A start in progress is ended too, and no resource starts after it', async () => {
  const observed = observe()
  let ready = (): void => {}
  const slow = new Promise<string>((resolve) => (ready = () => resolve('Postgres')))
  const starting = observed.lifecycle.startResource(() => slow, ends(observed))
  observed.lifecycle.shutdown(0)
  ready()
  await expect(starting).rejects.toThrow()
  await expect(observed.lifecycle.startResource(starts(observed, 'server'), ends(observed))).rejects.toThrow()
  await observed.ended()
  expect(observed.steps).toEqual(['Postgres ends'])
})

test('A start that stops when it is aborted does not delay the exit', async () => {
  const observed = observe()
  const starting = observed.lifecycle.startResource(
    (signal) => new Promise<void>((_, reject) => signal.addEventListener('abort', () => reject(new Error('start was aborted')))),
  )
  observed.lifecycle.shutdown(0)
  await expect(starting).rejects.toThrow('start was aborted')
  await observed.ended()
  expect(observed.codes).toEqual([0])
})

test('A resource that fails to end makes the exit code 1, and the older resources end all the same', async () => {
  const observed = observe()
  await observed.lifecycle.startResource(starts(observed, 'Postgres'), ends(observed))
  await observed.lifecycle.startResource(starts(observed, 'server'), () => Promise.reject(new Error('stuck')))
  observed.lifecycle.shutdown(0)
  await observed.ended()
  expect(observed.codes).toEqual([1])
  expect(observed.steps).toContain('Postgres ends')
})

test('An unhandled error ends every resource and exits with code 1', async () => {
  const observed = observe()
  await observed.lifecycle.startResource(starts(observed, 'Postgres'), ends(observed))
  observed.lifecycle.crash(new Error('unhandled in this test'))
  await observed.ended()
  expect(observed.codes).toEqual([1])
  expect(observed.steps).toContain('Postgres ends')
})

test('A signal that comes a second after the first one ends the process at once', async () => {
  vi.useFakeTimers({ toFake: ['performance'] })
  onTestFinished(() => void vi.useRealTimers())
  const observed = observe()
  await observed.lifecycle.startResource(starts(observed, 'server'), () => new Promise<void>(() => {}))
  observed.lifecycle.handleSignal('SIGTERM')
  vi.advanceTimersByTime(900)
  observed.lifecycle.handleSignal('SIGTERM')
  expect(observed.codes).toEqual([])
  vi.advanceTimersByTime(200)
  observed.lifecycle.handleSignal('SIGTERM')
  expect(observed.codes).toEqual([1])
})
